"""What a plan makes of workers that the autoscaler started and stopped."""

from __future__ import annotations

import pytest

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.plan.plan import moved_since
from tests.unit.core.plans import RESTART, START, UPDATE, names, plan, spec, standing, workers


def runs(names_: set[str]) -> Observed:
    """The standing cluster as the autoscaler left it: these workers of ``w`` run."""
    seen = standing()
    hosts = []
    for host in seen.hosts:
        units = []
        for unit in host.units:
            slot = unit.unit.removesuffix(".service").rpartition(".")[2]
            active = "active" if slot in names_ else "inactive"
            units.append(
                unit.model_copy(update={"active": active}) if slot.startswith("w-") else unit
            )
        hosts.append(host.model_copy(update={"units": tuple(units)}))
    return Observed(hosts=tuple(hosts))


@pytest.mark.parametrize("running", [{"w-0", "w-1"}, {"w-1", "w-2"}, {"w-0", "w-1", "w-2"}])
def test_which_workers_run_is_the_autoscalers_business(running: set[str]) -> None:
    assert plan(spec(), runs(running)).is_empty


@pytest.mark.parametrize(
    ("running", "started"), [(set(), {"w-0", "w-1"}), ({"w-2"}, {"w-0"}), ({"w-0"}, {"w-1"})]
)
def test_what_min_workers_lacks_is_started(running: set[str], started: set[str]) -> None:
    found = plan(spec(), runs(running))
    assert names(found) == dict.fromkeys(started, START)


def test_a_plan_stands_while_the_autoscaler_works() -> None:
    wanted = spec(**workers("x", env={"A": "9"}))
    before = plan(wanted, runs({"w-0", "w-1"}))
    after = plan(wanted, runs({"w-1", "w-2"}))
    assert names(before) == {"x-0": RESTART}
    assert before.inputs == after.inputs
    assert not moved_since(before, after.base)


def test_a_new_maximum_names_what_the_head_is_told() -> None:
    found = plan(spec(**workers("w", max_workers=4)))
    assert names(found) == {"head": UPDATE, "w-3": UPDATE}
    (head,) = (c for c in found.changes if c.node == "head")
    assert head.reason == "worker_groups.w.max_workers: 3 -> 4"
    assert not head.interrupts
