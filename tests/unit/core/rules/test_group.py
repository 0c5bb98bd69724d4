"""Rules across values: the paths they point at, and what a faulty rest leaves unsaid."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adbray_ctl.core.rules.fleet import check_fleet
from adbray_ctl.core.rules.group import check
from adbray_ctl.core.spec.faults import Fault, show_path
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.hosts import Selector
from adbray_ctl.core.spec.salvage import salvage
from adbray_ctl.core.spec.validation import faults_of
from adbray_ctl.core.text import show

FLEET = Fleet.model_validate(
    {
        "kind": "Fleet",
        "hosts": [
            {"name": "one", "address": "10.0.0.1", "labels": {"zone": "a"}},
            {"name": "two", "address": "10.0.0.2", "labels": {"zone": "b", "disk": "ssd"}},
        ],
    }
)


def group(**keys: Any) -> dict[str, Any]:
    return {"kind": "RayCluster", "name": "demo", **keys}


def salvaged(document: dict[str, Any]) -> list[str]:
    """What the rules find beside the faults of a document that has some."""
    try:
        RayClusterSpec.model_validate(document)
    except ValidationError as error:
        faults = faults_of(error, RayClusterSpec)
    found = salvage(document, faults, RayClusterSpec, lambda spec: check(FLEET, spec))
    return [fault.text for fault in found]


def test_a_sound_spec_has_no_faults() -> None:
    workers = ({"name": "w", "size": "small"},)
    spec = RayClusterSpec.model_validate(group(worker_groups=workers))
    assert check_fleet(FLEET) == ()
    assert check(FLEET, spec) == ()


def test_a_fault_has_the_path_of_its_value() -> None:
    workers = ({"name": "w", "size": "small", "disk_gb": 5},)
    spec = RayClusterSpec.model_validate(group(worker_groups=workers))
    (fault,) = check(FLEET, spec)
    assert fault.path == ("worker_groups", 0, "disk_gb")
    assert fault.text == (
        "worker_groups[0].disk_gb: 5 is too small; allowed: 30 to 2000"
        " (limits.disk_gb in fleet.yml)"
    )


def test_raised_limits_hold() -> None:
    limits = {"disk_gb": {"min": 1}, "min_workers": 0, "max_workers": 20}
    fleet = Fleet.model_validate({**FLEET.model_dump(), "limits": limits})
    workers = ({"name": "w", "size": "small", "disk_gb": 1, "min_workers": 0, "max_workers": 20},)
    assert check(fleet, RayClusterSpec.model_validate(group(worker_groups=workers))) == ()


def test_a_list_whose_only_entry_is_faulty_is_not_empty() -> None:
    with pytest.raises(ValidationError) as caught:
        Fleet.model_validate({"kind": "Fleet", "hosts": ({"name": "one", "address": "a b"},)})
    (fault,) = faults_of(caught.value, Fleet)
    assert fault.path == ("hosts", 0, "address")


HINTS: dict[str, dict[str, Any]] = {
    "ray: '2.60.0' where a mapping (key: value) belongs; allowed: a mapping (key: value)": {
        "ray": "2.60.0"
    },
    'ray.version: 2.6 where text belongs; allowed: a full version X.Y.Z, for example "2.60.0"': {
        "ray": {"version": 2.6}
    },
    'ray.python: 3.9 where text belongs; allowed: "3.10", "3.11", "3.12", "3.13"': {
        "ray": {"python": 3.9}
    },
    "idle_timeout_s: '5.5' where a whole number belongs; allowed: a whole number, 1 to 604800": {
        "idle_timeout_s": "5.5"
    },
}


@pytest.mark.parametrize(("text", "keys"), HINTS.items())
def test_no_hint_leads_to_the_next_fault(text: str, keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        RayClusterSpec.model_validate(group(**keys))
    (fault,) = faults_of(caught.value, RayClusterSpec)
    assert fault.text == text


def test_no_workers_needs_a_max() -> None:
    fleet = Fleet.model_validate({**FLEET.model_dump(), "limits": {"min_workers": 0}})
    workers = ({"name": "w", "size": "small", "min_workers": 0},)
    (fault,) = check(fleet, RayClusterSpec.model_validate(group(worker_groups=workers)))
    assert fault.text == (
        "worker_groups[0].min_workers: 0 leaves max_workers at 0; allowed: max_workers of 1 to 8"
    )


def test_a_head_shares_ports_of_monitoring_on_other_hosts_alone() -> None:
    monitoring = {"host": "one", "web": {"port": 8265}}
    fleet = Fleet.model_validate({**FLEET.model_dump(), "monitoring": monitoring})
    away = RayClusterSpec.model_validate(group(head={"hosts": {"names": ("two",)}}))
    beside = RayClusterSpec.model_validate(group())
    assert check(fleet, away) == ()
    (fault,) = check(fleet, beside)
    assert fault.path == ("head", "ports", "dashboard")


def test_a_selector_admits_by_name_and_by_labels() -> None:
    one, two = FLEET.hosts
    assert Selector().admits(one)
    assert Selector(names=("two",), labels={"disk": "ssd"}).admits(two)
    assert not Selector(names=("two",)).admits(one)
    assert not Selector(labels={"zone": "a"}).admits(two)


def test_salvage_keeps_indices_of_the_document() -> None:
    workers = ({"size": "small"}, {"name": "b", "size": "small", "disk_gb": 1})
    (text,) = salvaged(group(worker_groups=workers))
    assert text.startswith("worker_groups[1].disk_gb: 1 is too small")


def test_salvage_says_nothing_that_follows_from_a_fault() -> None:
    redis = {"mod": "external", "url": "redis://h:1"}
    workers = ({"name": "w", "size": "small", "type": "gpu", "allocation_unit": 2},)
    assert salvaged(group(redis=redis, worker_groups=workers)) == []


def test_salvage_gives_up_where_nothing_is_left() -> None:
    assert salvaged({"name": "demo"}) == []


def test_values_are_shown_in_one_line() -> None:
    assert show("a\nb\x1b\u202e") == r"'a\nb\x1b\u202e'"
    assert show("é") == "'é'"
    assert len(show("x" * 1000)) < 70


def test_paths_are_shown_as_in_messages() -> None:
    assert show_path(("worker_groups", 0, "labels", "a.b/c")) == "worker_groups[0].labels.a.b/c"
    assert show_path(("sizes", "a\nb")) == r"sizes.'a\nb'"
    assert Fault((), "is wrong").text == "is wrong"
