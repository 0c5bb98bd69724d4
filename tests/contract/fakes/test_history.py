"""The history in memory and the one in SQLite."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from adbray_ctl.adapters.state.history_db import HistoryDb
from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.history import NodeResult, NodeState, RunOutcome, RunStart
from adbray_ctl.core.protocols.state import History
from adbray_ctl.testing.history import FakeHistory

NODES = tuple(
    NodeResult(node=node, host=host, action="restart", reason="r")
    for node, host in (("w-0", "a"), ("w-0", "b"), ("w-1", "b"))
)


@pytest.fixture(params=["fake", "real"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    return FakeHistory() if request.param == "fake" else HistoryDb(tmp_path / "s" / "history.db")


def start(group: str = "demo", at: float = 1.0) -> RunStart:
    return RunStart(
        group=group, command="apply", started_at=at, plan="{}", spec="s", fleet="f", nodes=NODES
    )


def test_without_runs_it_is_empty(history: History) -> None:
    assert history.runs(None, 5) == ()
    for number in (-1, 0, 1, 2**70):
        with pytest.raises(UsageError, match=f"there is no run {number}"):
            history.run(number)


def test_a_run_that_begins_has_all_that_it_began_with(history: History) -> None:
    # One that began before this process did was another's.
    now = time.time()
    number = history.begin(start(at=now))
    run = history.run(number)
    assert (run.number, run.group, run.command, run.started_at) == (number, "demo", "apply", now)
    assert (run.plan, run.spec, run.fleet, run.nodes) == ("{}", "s", "f", NODES)
    assert (run.outcome, run.ended_at, run.error) == (RunOutcome.RUNNING, None, "")
    assert run.logs == ()
    assert run.who


def test_a_node_is_marked_on_one_host_in_one_run(history: History) -> None:
    first, second = history.begin(start()), history.begin(start())
    history.mark(second, (("w-0", "b"), ("w-9", "b")), NodeState.RUNNING, 2.0)
    history.mark(second, (("w-0", "b"),), NodeState.DONE, 3.0)
    history.mark(second, (("w-1", "b"),), NodeState.FAILED, 4.0)
    done = {"state": NodeState.DONE, "started_at": 2.0, "ended_at": 3.0}
    failed = {"state": NodeState.FAILED, "ended_at": 4.0}
    assert history.run(second).nodes == (
        NODES[0],
        NODES[1].model_copy(update=done),
        NODES[2].model_copy(update=failed),
    )
    assert history.run(first).nodes == NODES


def test_runs_come_newest_first_of_all_groups_or_of_one(history: History) -> None:
    numbers = [history.begin(start(group, n)) for n, group in enumerate(["x", "demo", "demo"])]
    history.log(numbers[1], "one.log")
    history.log(numbers[1], "two.log")
    history.end(numbers[1], RunOutcome.FAILED, 9.0, "why")
    assert [run.number for run in history.runs(None, 5)] == numbers[::-1]
    assert [run.number for run in history.runs("demo", 1)] == [numbers[2]]
    assert history.runs("nosuch", 5) == ()
    _, ended = history.runs("demo", 2**70)
    assert (ended.outcome, ended.ended_at, ended.error) == (RunOutcome.FAILED, 9.0, "why")
    assert history.run(numbers[1]).logs == ("one.log", "two.log")
