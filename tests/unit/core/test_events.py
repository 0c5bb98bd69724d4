"""Events of a run and the progress they add up to."""

from __future__ import annotations

from adbray_ctl.core.events import (
    Cell,
    HostResult,
    Note,
    Outcome,
    Progress,
    TaskStarted,
    fold,
)


def _result(host: str, outcome: Outcome) -> HostResult:
    return HostResult(step="redis", task="Start", host=host, outcome=outcome, message="")


def test_fold_counts_by_host_and_step() -> None:
    progress = Progress()
    for event in (
        TaskStarted(step="redis", task="Start"),
        _result("a", Outcome.OK),
        _result("a", Outcome.CHANGED),
        _result("b", Outcome.UNREACHABLE),
        Note(text="waiting"),
    ):
        progress = fold(progress, event)
    assert progress.hosts == ("a", "b")
    assert progress.steps == ("redis",)
    assert progress.cells[("a", "redis")] == Cell(ok=1, changed=1)
    assert [f.host for f in progress.failures] == ["b"]
    assert progress.current == "waiting"
