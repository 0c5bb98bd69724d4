"""A check of hosts that answer so: what it asks of them, and what it fixes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.observed.gpus import BurnedCard, BurnIn
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.preflight.findings import CheckReport, Finding, FindingState
from adbray_ctl.core.preflight.fixes import Fix, FixOutcome, FixResult, HostFixResults
from adbray_ctl.core.preflight.readings import Check, HostAnswer
from adbray_ctl.services.check import burn_in, check, check_and_fix
from tests.unit.converging import FLEET, GROUP, Cluster
from tests.unit.core.healthy_host import answer

NO_NTP = {"time_sync": {"synchronized": False, "ntp": False}}


def answers(**changes: dict[str, Any]) -> tuple[HostAnswer, ...]:
    """All hosts are well, but for these ``changes`` of one."""
    return tuple(
        answer(**changes.get(name, {})).model_copy(update={"host": name}) for name in "abc"
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    found = Cluster(tmp_path, stands=False)
    found.hosts.answers = answers()
    return found


def about(report: CheckReport, what: Check) -> Finding:
    (found,) = (one for one in report.findings if one.check is what)
    return found


def test_a_fleet_alone_is_checked_for_no_group(cluster: Cluster) -> None:
    report = check(cluster.tools, None)
    assert (report.group, report.failed) == (None, ())
    assert {one.host for one in report.findings} >= {"a", "b", "c"}
    assert Check.PLACEMENT not in {one.check for one in report.findings}
    assert cluster.journal.lines == []


def test_a_group_is_checked_where_its_slots_would_come(cluster: Cluster) -> None:
    report = check(cluster.tools, "demo")
    placement = about(report, Check.PLACEMENT)
    assert placement.state is FindingState.OK
    assert placement.found == "a: head, redis; b: w-0, w-1, w-2; c: x-0, x-1"


def test_a_group_that_fits_nowhere_fails(cluster: Cluster) -> None:
    cluster.file.write_text(GROUP.replace("hosts: {names: [b]}", "disk_gb: 900"))
    placement = about(check(cluster.tools, "demo"), Check.PLACEMENT)
    assert placement.state is FindingState.FAIL
    assert "w-" in placement.found


def test_while_a_host_is_silent_it_is_not_known_where_slots_come(cluster: Cluster) -> None:
    cluster.hosts.show(HostObservation(host="b", error="no answer"))
    placement = about(check(cluster.tools, "demo"), Check.PLACEMENT)
    assert placement.state is FindingState.SKIPPED
    assert "while b gives no answer" in placement.found


def test_a_host_that_answers_once_and_then_not_is_named_with_the_reason(cluster: Cluster) -> None:
    error = "cannot connect to root@10.0.0.2:22: refused"
    cluster.hosts.show(HostObservation(host="b", error=error))
    report = check(cluster.tools, "demo")
    (failed,) = report.failed
    assert (failed.host, failed.check) == ("b", Check.RECORDS)
    assert failed.found.endswith(error)
    assert failed.remedy
    assert about(report, Check.PLACEMENT).state is FindingState.SKIPPED


def test_a_silent_host_is_no_trouble_for_a_group_that_others_show(tmp_path: Path) -> None:
    found = Cluster(tmp_path)
    (tmp_path / "fleet.yml").write_text(FLEET + "  - {name: d, address: 10.0.0.4}\n")
    found.hosts.answers = answers()
    silent = HostObservation(host="d", error="no answer")
    found.hosts.observed = Observed(hosts=(*found.hosts.observed.hosts, silent))
    assert about(check(found.tools, "demo"), Check.PLACEMENT).state is FindingState.OK


def test_what_is_safe_is_fixed_under_the_lock_and_looked_at_again(cluster: Cluster) -> None:
    cluster.hosts.answers = answers(b=NO_NTP)
    done = FixResult(fix=Fix.NTP, outcome=FixOutcome.CHANGED, detail="")
    cluster.hosts.fixed = (HostFixResults(host="b", results=(done,)),)
    held = []

    def fixed(line: str) -> None:
        if line.startswith("fix"):
            held.append(cluster.lock.held)
            cluster.hosts.answers = answers()

    cluster.journal.after = fixed
    report = check_and_fix(cluster.tools, "demo")
    assert cluster.journal.of("fix") == ["fix ntp on b"]
    assert held == ["check --apply"]
    assert report.fixes == cluster.hosts.fixed
    assert report.count(FindingState.WARN) == check(cluster.tools, "demo").count(FindingState.WARN)


def test_nothing_is_fixed_where_nothing_is_wrong(cluster: Cluster) -> None:
    assert check_and_fix(cluster.tools, None).fixes == ()
    assert cluster.journal.of("fix") == []


def test_nothing_is_fixed_while_another_run_has_the_lock(cluster: Cluster) -> None:
    cluster.hosts.answers = answers(b=NO_NTP)
    with cluster.lock.hold("apply demo"), pytest.raises(RefusedError, match="apply demo"):
        check_and_fix(cluster.tools, None)
    assert cluster.journal.of("fix") == []


def test_cards_with_a_driver_are_burned_in_but_not_those_of_a_retired_host(
    cluster: Cluster, tmp_path: Path
) -> None:
    cards = {"gpu": {"on_pci": 1, "cards": 1, "driver": "550.1"}}
    cluster.hosts.answers = answers(a={"gpu": {"on_pci": 1}}, b=cards, c=cards)
    (tmp_path / "fleet.yml").write_text(FLEET.replace("10.0.0.3}", "10.0.0.3, retired: true}"))
    burned = BurnedCard(index=0, name="T4", fault="it fell off the bus")
    cluster.hosts.burned = tuple(BurnIn(host=name, cards=(burned,)) for name in "abc")
    (found,) = burn_in(cluster.tools)
    assert cluster.journal.lines == ["burn in b"]
    assert (found.host, found.state) == ("b", FindingState.FAIL)
