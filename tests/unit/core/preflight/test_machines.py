"""Names of one machine, copies of an image, and hosts that cannot show all that stands there."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.observed.hosts import HostObservation, Observed, Unseen
from adbray_ctl.core.observed.status import group_status
from adbray_ctl.core.preflight.findings import Finding, FindingState
from adbray_ctl.core.preflight.machines import host_problems, machine_findings, twins
from adbray_ctl.core.preflight.readings import Check
from tests.unit.core.machine_facts import host

LINES = {"a": "fleet.yml:3", "b": "fleet.yml:5", "c": "fleet.yml:7"}


def findings(*hosts: HostObservation) -> list[Finding]:
    return list(machine_findings(Observed(hosts=hosts), LINES.__getitem__))


def test_two_names_of_one_machine_are_named_with_both_lines() -> None:
    (found,) = findings(host("a", "m1", "b1"), host("b", "m2", "b2"), host("c", "m1", "b1"))
    assert (found.check, found.state) == (Check.MACHINES, FindingState.FAIL)
    assert found.found.startswith("a (fleet.yml:3) and c (fleet.yml:7) are one machine")


def test_three_names_of_one_machine_are_one_fault() -> None:
    seen = Observed(hosts=tuple(host(name, "m", "b") for name in "abc"))
    assert twins(seen) == (("a", "b", "c"),)


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (("m", "b1", "k1"), ("m", "b2", "k2"), "have one machine-id, m"),
        (("m", "b", "k1"), ("m", "b", "k2"), "have one machine-id, m"),  # containers on one kernel
        (("m1", "b1", "k"), ("m2", "b2", "k"), "have the same SSH host key"),
    ],
)
def test_copies_of_an_image_are_two_machines_and_a_warning(one: Any, other: Any, text: str) -> None:
    seen = (host("a", *one), host("b", *other))
    assert twins(Observed(hosts=seen)) == ()
    (found,) = findings(*seen)
    assert found.state is FindingState.WARN
    assert text in found.found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("m1", "same"), ("m2", "same")),  # containers on one kernel
        (("", ""), ("", "")),  # hosts that say nothing of themselves
    ],
)
def test_what_is_not_known_makes_no_twins(one: Any, other: Any) -> None:
    assert twins(Observed(hosts=(host("a", *one), host("b", *other)))) == ()


def test_a_host_key_stands_in_for_a_machine_id_that_is_not_there() -> None:
    seen = Observed(hosts=(host("a", "", "b", "k1", "k2"), host("b", "", "b", "k1", "k2")))
    assert twins(seen) == (("a", "b"),)


def test_one_host_key_in_common_or_none_that_is_shown_leaves_one_machine() -> None:
    one, other, none = (
        host("a", "m", "b", "k1", "k2"),
        host("b", "m", "b", "k2"),
        host("c", "m", "b"),
    )
    assert twins(Observed(hosts=(one, other))) == (("a", "b"),)
    assert twins(Observed(hosts=(one, none))) == (("a", "c"),)
    assert twins(Observed(hosts=(none, host("b", "m", "b", "k3"), one))) == (("c", "b"),)


def test_a_silent_host_is_no_twin() -> None:
    seen = (host("a", "m", "b"), HostObservation(host="b", error="no answer"))
    (found,) = findings(*seen)
    assert (found.state, found.found) == (
        FindingState.OK,
        "the one host seen is a separate machine",
    )


def test_hosts_that_are_separate_machines_are_counted() -> None:
    (found,) = findings(host("a", "m1", "b1"), host("b", "m2", "b2"))
    assert (found.state, found.found) == (
        FindingState.OK,
        "each of the 2 hosts is a separate machine",
    )


def test_what_a_host_cannot_show_is_a_finding_and_a_problem_and_not_ready() -> None:
    unseen = Unseen(what="/etc/adbray/g/w-0.json", why="cut off", group="g", hint="put it back")
    seen = Observed(hosts=(host("a", "m", "b").model_copy(update={"unseen": (unseen,)}),))
    found = findings(*seen.hosts)[-1]
    assert (found.host, found.check, found.state) == ("a", Check.RECORDS, FindingState.FAIL)
    assert (found.found, found.remedy) == ("/etc/adbray/g/w-0.json: cut off", "put it back")
    assert list(host_problems(seen, LINES.__getitem__)) == ["a: /etc/adbray/g/w-0.json: cut off"]
    assert not group_status("g", seen).ready
