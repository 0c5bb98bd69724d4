"""The order of work: who goes first, who goes together, and who waits."""

from __future__ import annotations

import pytest

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.plan.rolling import batch_size
from adbray_ctl.core.spec.group import WorkerGroup
from tests.unit.cluster import applied, placed
from tests.unit.core.plans import SPEC, fleet, names, plan, spec, standing, workers


@pytest.mark.parametrize(
    ("limit", "running", "size"),
    [(1, 8, 1), (3, 8, 3), ("25%", 8, 2), ("25%", 3, 1), ("100%", 5, 5), ("99%", 2, 1)],
)
def test_batch_size(limit: int | str, running: int, size: int) -> None:
    group = WorkerGroup.model_validate({"name": "w", "size": "small", "max_unavailable": limit})
    assert batch_size(group, running) == size


def test_running_workers_change_in_batches_after_everything_else() -> None:
    many = workers("w", min_workers=5, max_workers=6)
    before = applied(fleet(), spec(**many), placed(fleet(), spec(**many)))
    after = workers("w", min_workers=5, max_workers=6, size="small", max_unavailable=2)
    found = plan(spec(**after), before)
    base, *batches = found.steps
    assert base.nodes == ("head", "w-5"), "the prepared one is in nobody's way"
    assert not base.drain
    assert [step.nodes for step in batches] == [("w-0", "w-1"), ("w-2", "w-3"), ("w-4",)]
    assert all(step.drain == step.nodes for step in batches)
    assert all(step.roles == ("worker_disk", "ray_worker") for step in batches)


def test_a_users_label_is_rolled_whatever_its_name() -> None:
    before = workers("w", labels={"a.isolation": "x", "GPU": "x"})
    standing_so = applied(fleet(), spec(**before), placed(fleet(), spec(**before)))
    after = workers("w", labels={"a.isolation": "y", "GPU": "x"})
    _, *batches = plan(spec(**after), standing_so).steps
    assert [step.nodes for step in batches] == [("w-0",), ("w-1",)]


def test_another_ray_version_is_prepared_tried_and_taken_up_by_all_at_once() -> None:
    prepare, trial, cutover = plan(spec(ray={"version": "2.61.0"})).steps
    assert (prepare.nodes, prepare.roles) == ((), ("ray_runtime",))
    assert set(prepare.hosts) == set(cutover.hosts)
    assert trial.trial
    assert not trial.nodes, "it changes nothing"
    assert set(trial.hosts) <= set(cutover.hosts)
    assert set(cutover.nodes) == {"head", "w-0", "w-1", "w-2", "x-0", "g-0"}, "Redis stays"
    assert set(cutover.drain) == {"w-0", "w-1", "x-0", "g-0"}
    assert cutover.roles == ("worker_disk", "ray_head", "ray_worker")


def test_a_new_group_is_not_tried_first() -> None:
    assert not any(step.trial for step in plan(spec(), Observed()).steps)


def test_workers_left_behind_by_a_change_of_version_follow_at_once() -> None:
    new = spec(ray={"version": "2.61.0"})
    before, after = standing(), applied(fleet(), new, placed(fleet(), new))
    hosts = (h if h.host == "a" else b for h, b in zip(after.hosts, before.hosts, strict=True))
    found = plan(new, Observed(hosts=tuple(hosts)))
    assert "head" not in names(found)
    assert [set(step.nodes) for step in found.steps][-1] == set(names(found)) - {"redis"}


def test_deletions_come_first_and_hosts_are_left() -> None:
    found = plan(spec(**workers("g", hosts={"names": ["b"]})))
    first = found.steps[0]
    assert (first.nodes, first.drain) == (("g-0",), ("g-0",))
    only = [group for group in SPEC["worker_groups"] if group["name"] == "x"]
    steps = plan(spec(worker_groups=only)).steps
    (leaving,) = (step for step in steps if step.leaving)
    assert leaving.hosts == ("c",)
    assert not any("c" in step.hosts for step in steps if not step.leaving)
