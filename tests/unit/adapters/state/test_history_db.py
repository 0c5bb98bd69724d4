"""The history survives what runs do not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adbray_ctl.adapters.state.history_db import HistoryDb
from adbray_ctl.cli.app import run
from adbray_ctl.core.errors import AdbrayError, UsageError
from adbray_ctl.core.history import NodeResult, NodeState, RunOutcome, RunStart


def start(group: str = "g") -> RunStart:
    nodes = tuple(
        NodeResult(node=node, host="h", action="restart", reason="r") for node in ("w-0", "w-1")
    )
    return RunStart(
        group=group,
        command="apply",
        started_at=10.0,
        plan="{}",
        spec="name: g",
        fleet="",
        nodes=nodes,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".adbray" / "history.db"


def test_a_run_from_begin_to_end(path: Path) -> None:
    history = HistoryDb(path)
    number = history.begin(start())
    history.mark(number, (("w-0", "h"),), NodeState.RUNNING, 11.0)
    history.mark(number, (("w-0", "h"),), NodeState.DONE, 13.0)
    history.log(number, "/log")
    history.end(number, RunOutcome.FAILED, 15.0, "it broke")
    seen = HistoryDb(path).run(number)
    assert (seen.outcome, seen.error, seen.started_at, seen.ended_at) == (
        RunOutcome.FAILED,
        "it broke",
        10.0,
        15.0,
    )
    assert [(n.node, n.state, n.started_at, n.ended_at) for n in seen.nodes] == [
        ("w-0", NodeState.DONE, 11.0, 13.0),
        ("w-1", NodeState.PENDING, None, None),
    ]
    assert seen.logs == ("/log",)
    assert seen.spec == "name: g"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_two_rows_of_a_node_that_moves_are_told_apart(path: Path) -> None:
    history = HistoryDb(path)
    moves = (("a", "delete"), ("b", "start"))
    rows = tuple(NodeResult(node="w-0", host=h, action=a, reason="r") for h, a in moves)
    number = history.begin(start().model_copy(update={"nodes": rows}))
    history.mark(number, (("w-0", "a"),), NodeState.DONE, 11.0)
    history.mark(number, (("w-0", "b"),), NodeState.FAILED, 12.0)
    seen = [(n.host, n.state, n.ended_at) for n in history.run(number).nodes]
    assert seen == [("a", NodeState.DONE, 11.0), ("b", NodeState.FAILED, 12.0)]


def test_runs_are_listed_newest_first_and_by_group(path: Path) -> None:
    history = HistoryDb(path)
    numbers = [history.begin(start(group)) for group in ("a", "b", "a")]
    assert [r.number for r in history.runs(None, 10)] == numbers[::-1]
    assert [r.number for r in history.runs("a", 10)] == [numbers[2], numbers[0]]
    assert [r.number for r in history.runs(None, 1)] == [numbers[2]]


def test_nothing_is_made_by_reading(path: Path) -> None:
    assert HistoryDb(path).runs(None, 5) == ()
    with pytest.raises(UsageError, match="no run 7"):
        HistoryDb(path).run(7)
    assert not path.exists()


def test_a_killed_run_is_told_as_interrupted_where_it_broke_off(path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from adbray_ctl.adapters.state.history_db import HistoryDb;"
        "from adbray_ctl.core.history import NodeState;"
        "from tests.unit.adapters.state.test_history_db import start;"
        "h = HistoryDb(Path(sys.argv[1])); n = h.begin(start());"
        "h.mark(n, (('w-0', 'h'),), NodeState.RUNNING, 11.0); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -9
    (listed,) = HistoryDb(path).runs(None, 5)
    assert listed.outcome is RunOutcome.INTERRUPTED
    states = [node.state for node in HistoryDb(path).run(listed.number).nodes]
    assert states == [NodeState.RUNNING, NodeState.PENDING]


def test_a_later_process_of_the_same_number_does_not_carry_on_a_run(path: Path) -> None:
    history = HistoryDb(path)
    history.begin(start().model_copy(update={"started_at": time.time()}))
    (ours,) = history.runs(None, 5)
    assert ours.outcome is RunOutcome.RUNNING, "this process lives"
    history.begin(start().model_copy(update={"started_at": 10.0}))
    (older, _) = history.runs(None, 5)
    assert older.outcome is RunOutcome.INTERRUPTED, "this process was not born then"


def test_many_processes_write_at_once(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from adbray_ctl.adapters.state.history_db import HistoryDb;"
        "from tests.unit.adapters.state.test_history_db import start;"
        "[HistoryDb(Path(sys.argv[1])).begin(start()) for _ in range(10)]"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    assert len(HistoryDb(path).runs(None, 100)) == 40


def test_a_damaged_or_newer_file_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all, but long enough to look like one" * 20)
    with pytest.raises(AdbrayError, match="cannot be read or written"):
        HistoryDb(path).runs(None, 5)
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(AdbrayError, match="newer adbray"):
        HistoryDb(path).begin(start())


def test_the_command_line_shows_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = str(path.parent.parent)
    assert run(["-C", directory, "history"]) == 0
    assert "no runs yet" in capsys.readouterr().out
    now = start().model_copy(update={"started_at": time.time()})
    number = HistoryDb(path).begin(now)
    assert run(["-C", directory, "history"]) == 0
    assert "running" in capsys.readouterr().out
    assert run(["-C", directory, "history", "show", str(number)]) == 0
    shown = capsys.readouterr().out
    assert "w-1" in shown
    assert "pending" in shown
    assert run(["-C", directory, "history", "show", "99"]) == 2
    assert run(["-C", directory, "history", "show", str(number), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "running"


def test_a_full_disk_is_no_damaged_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says "disk I/O error" of both: moving the file away frees nothing."""
    path.parent.mkdir()
    path.write_text("no database")
    monkeypatch.setattr("adbray_ctl.adapters.state.history_db._LEAST_FREE", 2**62)
    with pytest.raises(AdbrayError) as said:
        HistoryDb(path).begin(start())
    assert said.value.hint == "the disk is full: free some space on it"
