"""An environment that an older adbray made gets what is new, and nothing restarts for it."""

from __future__ import annotations

import pytest

from adbray_ctl.core.desired.runtime import requirements, runtime_venv
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact
from tests.unit.cluster import applied, placed, planned

HOSTS = [{"name": name, "address": f"10.0.0.{n}"} for n, name in enumerate("abc", start=1)]
FLEET = Fleet.model_validate({"kind": "Fleet", "hosts": HOSTS})
SPEC = RayClusterSpec.model_validate(
    {
        "kind": "RayCluster",
        "name": "demo",
        "ray": {"version": "2.60.0", "python": "3.11", "packages": ["numpy"]},
        "head": {"size": "small", "disk_gb": 30, "hosts": {"names": ["a"]}},
        "worker_groups": [
            {
                "name": "w",
                "size": "small",
                "disk_gb": 30,
                "min_workers": 1,
                "max_workers": 1,
                "hosts": {"names": ["b"]},
            }
        ],
    }
)


def seen(**installed: tuple[str, ...]) -> Observed:
    """The group as applied, with what each host says its environment holds."""
    there = applied(FLEET, SPEC, placed(FLEET, SPEC))
    hosts = (
        host.model_copy(update={"runtimes": {runtime_venv(SPEC): installed[host.host]}})
        if host.host in installed
        else host
        for host in there.hosts
    )
    return Observed(hosts=tuple(hosts))


WHOLE = requirements(SPEC)
OLD = tuple(name for name in WHOLE if name not in ("pip", "uv"))


@pytest.mark.parametrize(
    ("installed", "titles"),
    [
        ({"a": WHOLE, "b": WHOLE}, []),
        ({"a": OLD, "b": OLD}, ["software: add pip, uv on a, b"]),
        ({"a": WHOLE, "b": OLD}, ["software: add pip, uv on b"]),
        ({"a": (*OLD, "uv"), "b": WHOLE}, ["software: add pip on a"]),
        # No environment at all: its nodes' own steps make one.
        ({"a": WHOLE}, []),
        # A host that the group is not on.
        ({"a": WHOLE, "b": WHOLE, "c": OLD}, []),
    ],
)
def test_what_is_missing_is_added_where_it_is_missing(
    installed: dict[str, tuple[str, ...]], titles: list[str]
) -> None:
    plan = planned(FLEET, SPEC, seen(**installed))
    assert [step.title for step in plan.steps] == titles
    assert {change.action for change in plan.changes} == {Impact.KEEP}
    assert plan.is_empty == (not titles)


def test_jobs_can_have_packages_of_their_own() -> None:
    assert {"pip", "uv"} <= set(WHOLE)
