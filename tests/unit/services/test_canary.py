"""Canaries: how large they are, when they are asked about, and what ends with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import RefusedError, RunError
from adbray_ctl.core.history import RunOutcome
from adbray_ctl.core.plan.steps import Step
from tests.unit.converging import CHANGED, Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_a_failure_is_named_though_a_later_canary_ends_the_run(cluster: Cluster) -> None:
    cluster.breaks("w-0")
    with pytest.raises(RunError, match=r"for w-0\nnot begun: restart w-1 "):
        cluster.change(canary=1, keep_going=True)
    assert cluster.changed == ["w-0", "x-0"]


def test_a_canary_is_asked_about_once_in_each_worker_group(cluster: Cluster) -> None:
    asked: list[tuple[str, int]] = []

    def go_on(step: Step) -> bool:
        asked.append((step.title, len(cluster.changed)))
        return True

    cluster.change(canary=1, after_canary=go_on)
    assert asked == [("restart w-0 (w, canary)", 1), ("restart x-0 (x, canary)", 4)]
    assert cluster.history.run(1).outcome is RunOutcome.SUCCEEDED


def test_a_canary_that_is_the_whole_worker_group_is_not_asked_about(cluster: Cluster) -> None:
    asked: list[str] = []

    def go_on(step: Step) -> bool:
        asked.append(step.title)
        return True

    one = CHANGED.replace("min_workers: 2, max_workers: 2", "min_workers: 1, max_workers: 1")
    cluster.change(text=one, canary=1, after_canary=go_on)
    assert asked == ["restart w-0 (w, canary)"]
    assert cluster.changed[-1] == "x-0"


@pytest.mark.parametrize(("canary", "first"), [(1, ["w-0"]), (2, ["w-0 w-1"]), (9, ["w-0 w-1"])])
def test_a_canary_is_as_large_as_asked_for_and_no_larger_than_a_batch(
    cluster: Cluster, canary: int, first: list[str]
) -> None:
    """Four workers, of which two may be away at once; without a yes it is the last step."""
    four = CHANGED.replace("min_workers: 3, max_workers: 3", "min_workers: 4, max_workers: 4")
    four = four.replace("name: w,", "name: w, max_unavailable: 2,")
    cluster.change(text=four.replace('X: "2"', 'X: "1"'))
    cluster.runner.scopes.clear()
    with pytest.raises(RefusedError):
        cluster.change(text=four, canary=canary)
    assert cluster.changed == first


def test_a_canary_that_does_not_please_is_the_last_step(cluster: Cluster) -> None:
    with pytest.raises(RefusedError) as caught:
        cluster.change(canary=1)
    assert caught.value.what == "stopped after the canary; 4 steps were not begun"
    assert cluster.touched
    assert cluster.changed == ["w-0"]
    run = cluster.history.run(1)
    assert (run.outcome, run.error) == (RunOutcome.FAILED, caught.value.what)
    assert list(cluster.states(1).values()) == ["done", *["pending"] * 4]


def test_a_canary_that_fails_is_not_asked_about(cluster: Cluster) -> None:
    def go_on(_: Step) -> bool:
        raise AssertionError("there is nothing to look at")

    cluster.breaks("w-0", "x-0")
    with pytest.raises(RunError):
        cluster.change(canary=1, keep_going=True, after_canary=go_on)
    assert cluster.changed == ["w-0", "x-0"]
