"""The steps of an apply: their order, what a failure leaves, and what goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import AdbrayError, ClusterError, RunError
from adbray_ctl.core.history import RunOutcome
from adbray_ctl.core.observed.ray import RayLoad
from adbray_ctl.services.apply import apply
from tests.unit.converging import CHANGED, GROUP, Cluster

# What one batch of a running worker is, in order.
BATCH = [
    "hold demo w-0",
    "drain id-w-0",
    "stop adbray-worker@demo.w-0.service",
    "run site worker_disk ray_worker on b for w-0",
    "release demo w-0",
]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_each_step_is_over_before_the_next_begins(cluster: Cluster) -> None:
    cluster.change()
    assert cluster.changed == ["w-0", "w-1", "w-2", "x-0", "x-1"]
    assert cluster.journal.lines[:5] == BATCH
    assert cluster.journal.lines[5] == "hold demo w-1"
    assert (cluster.nodes.killed, cluster.nodes.held) == ([], set())
    run = cluster.history.run(1)
    assert (run.outcome, run.error) == (RunOutcome.SUCCEEDED, "")
    assert set(cluster.states(1).values()) == {"done"}
    assert run.logs == tuple(f"run-{number}.log" for number in range(1, 6))
    assert cluster.prepare().plan.is_empty


def test_a_new_group_is_made_in_one_step(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, stands=False)
    cluster.change(text=GROUP)
    (nodes,) = cluster.changed
    assert set(nodes.split()) == {"head", "redis", "w-0", "w-1", "w-2", "x-0", "x-1"}
    assert cluster.journal.of("drain", "stop") == []
    assert set(cluster.states(1).values()) == {"done"}


def test_nothing_is_removed_where_nothing_of_the_group_was(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, stands=False)
    cluster.change(text=GROUP)
    cluster.change()
    (_, new), (_, again) = cluster.inventories.history
    assert new.groups["adbray_fresh"] == new.groups["adbray_hosts"]
    assert again.groups["adbray_fresh"] == ()


def test_a_failure_ends_the_run_and_names_what_was_not_begun(cluster: Cluster) -> None:
    cluster.breaks("w-1")
    with pytest.raises(RunError) as caught:
        cluster.change()
    assert caught.value.what == (
        "task X failed for w-1\n"
        "not begun: restart w-2 (w, batch 3 of 3); restart x-0 (x, batch 1 of 2); "
        "restart x-1 (x, batch 2 of 2)"
    )
    assert cluster.touched
    assert cluster.changed == ["w-0", "w-1"]
    run = cluster.history.run(1)
    assert (run.outcome, run.error) == (RunOutcome.FAILED, caught.value.what)
    assert cluster.states(1) == {
        "w-0": "done",
        "w-1": "failed",
        "w-2": "pending",
        "x-0": "pending",
        "x-1": "pending",
    }


def test_the_next_apply_does_the_rest(cluster: Cluster) -> None:
    cluster.breaks("w-1")
    with pytest.raises(RunError):
        cluster.change()
    cluster.journal.failures.clear()
    cluster.runner.scopes.clear()
    cluster.change()
    # The one that failed was stopped before, and is in nobody's way.
    assert cluster.changed == ["w-1", "w-2", "x-0", "x-1"]
    assert set(cluster.states(2).values()) == {"done"}


def test_a_worker_whose_change_failed_is_kept_from_the_autoscaler(cluster: Cluster) -> None:
    cluster.breaks("w-1")
    with pytest.raises(RunError):
        cluster.change()
    assert cluster.nodes.held == {("demo", "w-1", "b")}


def test_the_last_step_leaves_nothing_that_was_not_begun(cluster: Cluster) -> None:
    cluster.breaks("x-1")
    with pytest.raises(RunError) as caught:
        cluster.change()
    assert caught.value.what == "task X failed for x-1"


def test_five_steps_that_were_not_begun_are_named_and_more_are_not(cluster: Cluster) -> None:
    seven = CHANGED.replace("min_workers: 3, max_workers: 3", "min_workers: 7, max_workers: 7")
    cluster.change(text=seven.replace('X: "2"', 'X: "1"'))
    cluster.breaks("w-0")
    with pytest.raises(RunError) as caught:
        cluster.change(text=seven)
    titles = caught.value.what.partition("not begun: ")[2].split("; ")
    assert [title.split()[1] for title in titles[:-1]] == ["w-1", "w-2", "w-3", "w-4", "w-5"]
    assert titles[-1] == "..."


def test_what_fails_before_the_first_node_has_touched_nothing(cluster: Cluster) -> None:
    cluster.file.write_text(CHANGED)
    prepared = cluster.prepare()
    cluster.secrets.forget("demo")
    with pytest.raises(AdbrayError):
        apply(cluster.tools, prepared, cluster.events.append)
    assert not cluster.touched
    assert cluster.journal.lines == []


def test_a_node_that_does_not_come_back_fails_its_step(cluster: Cluster) -> None:
    def converge(line: str) -> None:
        """The playbook goes through, and Ray does not see the worker again."""
        if cluster.runner.scopes[-1:] and line.startswith("run site"):
            cluster.converge(line)
            cluster.hosts.set_alive("demo", ["id-w-0"], alive=False)

    cluster.journal.after = converge
    with pytest.raises(ClusterError) as caught:
        cluster.change()
    assert caught.value.what.splitlines()[:2] == [
        "not ready, and nothing has moved for 180 s",
        "    w-0: b: starting (Ray does not know this node yet)",
    ]
    assert "not begun: restart w-1 (w, batch 2 of 3)" in caught.value.what
    assert cluster.states(1)["w-0"] == "failed"


def test_a_worker_that_goes_on_when_drained_is_stopped_after_its_time(cluster: Cluster) -> None:
    head = cluster.hosts.observed.host("a")
    (view,) = head.ray
    works = view.model_copy(update={"load": {"id-w-0": RayLoad(tasks=1)}})
    cluster.hosts.show(head.model_copy(update={"ray": (works,)}))
    cluster.nodes.busy = frozenset({"id-w-0"})
    cluster.change()
    assert cluster.nodes.killed == ["demo/w-0"]
    assert 5 <= cluster.clock.at < 6


def test_with_keep_going_a_failed_batch_ends_its_worker_group_alone(cluster: Cluster) -> None:
    cluster.breaks("w-1")
    with pytest.raises(RunError) as caught:
        cluster.change(keep_going=True)
    assert caught.value.what == "task X failed for w-1\nnot begun: restart w-2 (w, batch 3 of 3)"
    assert cluster.changed == ["w-0", "w-1", "x-0", "x-1"]
    assert cluster.history.run(1).outcome is RunOutcome.FAILED
    assert cluster.states(1) == {
        "w-0": "done",
        "w-1": "failed",
        "w-2": "pending",
        "x-0": "done",
        "x-1": "done",
    }


def test_with_keep_going_each_failure_is_named(cluster: Cluster) -> None:
    cluster.breaks("w-0", "x-0")
    with pytest.raises(RunError) as caught:
        cluster.change(keep_going=True)
    lines = caught.value.what.splitlines()
    assert lines[:2] == ["task X failed for w-0", "c: task X failed for x-0"]
    assert lines[2].startswith("not begun: restart w-1 (w, batch 2 of 3); restart w-2")
    assert cluster.history.run(1).error == caught.value.what


def test_with_keep_going_a_failure_of_no_worker_group_ends_the_run(cluster: Cluster) -> None:
    failure = RunError("task X failed", where="a")
    cluster.journal.failures = {"run site worker_disk ray_head on a for head": failure}
    text = CHANGED.replace("head: {size: tiny", "head: {size: tiny, hang_after_s: 20")
    with pytest.raises(RunError, match=r"not begun: restart w-0 \(w, batch 1 of 3\)"):
        cluster.change(text=text, keep_going=True)
    assert cluster.changed == ["head"]


def test_a_group_that_is_as_it_should_be_is_looked_at_and_left_alone(cluster: Cluster) -> None:
    prepared = cluster.prepare()
    looks = len(cluster.hosts.asked)
    status = apply(cluster.tools, prepared, lambda _: None)
    assert status.ready
    assert (cluster.journal.lines, cluster.inventories.history) == ([], [])
    assert len(cluster.hosts.asked) == looks, "what was just seen is not asked again"


def test_a_silent_head_is_waited_for_at_the_end(cluster: Cluster) -> None:
    head = cluster.hosts.observed.host("a")
    cluster.hosts.show(head.model_copy(update={"ray": ()}))
    prepared = cluster.prepare()

    def comes_back(_: object) -> None:
        if cluster.clock.at > 10:
            cluster.hosts.show(head)

    cluster.hosts.before_look = comes_back
    assert apply(cluster.tools, prepared, lambda _: None).ready
    assert 10 < cluster.clock.at < 13
