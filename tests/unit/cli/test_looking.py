"""`adbray logs` and `adbray top`: what they print, ask for, and refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest

from adbray_ctl import wiring
from adbray_ctl.cli import app
from adbray_ctl.cli.commands.logs import logs
from adbray_ctl.cli.commands.top import top
from adbray_ctl.cli.state import State
from adbray_ctl.core.errors import ClusterError, HostError, HostKeyError, UsageError
from adbray_ctl.core.observed.loads import HostLoads
from adbray_ctl.core.observed.logs import HostLogs, LogRequest
from adbray_ctl.testing.clock import FakeClock
from adbray_ctl.testing.insight import FakeLoads, FakeNodeLogs
from tests.unit.cli.logged import FIRST, FLEET, LAST, logged
from tests.unit.core.slot_loads import SLOTS


def run(
    command: click.Command, directory: Path, probe: FakeNodeLogs | FakeLoads, *arguments: str
) -> None:
    (directory / "fleet.yml").write_text(FLEET)
    state = State(directory=directory)
    tools = replace(wiring.tools(directory), clock=FakeClock(1_790_000_000))
    made = (
        replace(tools, logs=probe)
        if isinstance(probe, FakeNodeLogs)
        else replace(tools, loads=probe)
    )
    vars(state)["tools"] = made
    command.main(args=list(arguments), obj=state, standalone_mode=False)


def test_lines_stand_behind_the_names_of_their_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probe = logged()
    run(logs, tmp_path, probe, "demo", "w-0", "--since", "10m", "-n", "7", "-f")
    assert capsys.readouterr().out == "journal | started\nraylet.out | fell over\n"
    wanted = LogRequest(group="demo", node="w-0", lines=7, since=1_789_999_400, follow=True)
    assert probe.asked == [("a", wanted)]


def test_one_log_alone_has_no_name_before_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(logs, tmp_path, logged(), "demo", "w-0", "--file", "raylet.out")
    assert "raylet.out |" not in capsys.readouterr().out
    run(logs, tmp_path, logged(), "demo", "w-0", "--file", "raylet.*", "--json")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"source": "raylet.out", "text": "fell over"}


def test_a_name_that_no_log_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"nothing is in logs of w-0 with names like nosuch\*"):
        run(logs, tmp_path, logged(), "demo", "w-0", "--file", "nosuch*")


def test_what_is_kept_is_read_where_it_is(tmp_path: Path) -> None:
    probe = logged()
    run(logs, tmp_path, probe, "demo", "w-0", "--previous")
    run(logs, tmp_path, probe, "demo", "w-0", "--start", FIRST)
    run(logs, tmp_path, probe, "demo", "w-9", "-p")
    asked = [(host, wanted.node, wanted.start) for host, wanted in probe.asked]
    assert asked == [("b", "w-0", LAST), ("b", "w-0", FIRST), ("b", "w-9", LAST)]


def test_what_is_kept_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(logs, tmp_path, logged(), "demo", "--list")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:3] for row in rows[1:]] == [
        ["w-0", "b", FIRST], ["w-9", "b", LAST], ["w-0", "b", LAST]
    ]  # fmt: skip
    assert rows[1][-1] == "2"
    run(logs, tmp_path, logged(), "demo", "w-9", "--list", "--json")
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["slot"], one["start"], one["host"]) == ("w-9", LAST, "b")
    with pytest.raises(HostError, match="incomplete, without what these hosts keep:\nb: gone"):
        run(logs, tmp_path, logged("gone"), "demo", "--list")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["demo"], "which node"),
        (["demo", "w-0", "-f", "-p"], "does not go on"),
        (["demo", "w-7"], "no node 'w-7'"),
        (["demo", "head", "-p"], "nothing is kept of head"),
        (["demo", "w-0", "--since", "soon"], "is no time"),
    ],
)
def test_what_cannot_be_shown(arguments: list[str], what: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=what):
        run(logs, tmp_path, logged(), *arguments)


LOADS = (HostLoads(host="a", at=1, slots=SLOTS), HostLoads(host="b", at=1))
SILENT = (LOADS[0], HostLoads(host="b", error="no answer"))


def test_one_look_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    probe = FakeLoads([(HostLoads(host="a"), LOADS[1]), LOADS])
    run(top, tmp_path, probe, "demo", "--once")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["node", "host"]
    assert lines[1].split()[:6] == ["w-1", "a", "1.50", "of", "2,", "75%"]
    assert "512 MiB of 1.0 GiB, 50%" in lines[2]
    assert lines[3].split() == ["w-2", "a", "-", "-", "-", "-", "-", "2"]
    assert probe.asked == [(["a", "b"], "demo")]


def test_one_look_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(top, tmp_path, FakeLoads([LOADS]), "--once", "--json", "--sort", "restarts")
    shown = json.loads(capsys.readouterr().out)
    assert [slot["slot"] for slot in shown["slots"]] == ["w-2", "w-0", "w-1"]
    assert shown["slots"][1]["cores"] == 2.0


def test_output_that_is_no_terminal_gets_one_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(top, tmp_path, FakeLoads([LOADS]))
    assert capsys.readouterr().out.count("w-1") == 1


def test_a_silent_host_is_a_failure_after_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(HostError, match="incomplete, without these hosts:\nb: no answer"):
        run(top, tmp_path, FakeLoads([SILENT]), "--once")
    assert "! b: no answer" in capsys.readouterr().out


def test_a_host_that_hangs_is_a_failure_too(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="incomplete, without these hosts:\nb: no answer yet"):
        run(top, tmp_path, FakeLoads([(LOADS[0], HostLoads(host="b"))]), "--once")


def test_a_changed_key_ends_it(tmp_path: Path) -> None:
    changed = FakeLoads(error=HostKeyError("another key", where="a"))
    with pytest.raises(HostKeyError):
        run(top, tmp_path, changed, "--once")


@pytest.mark.parametrize(
    "arguments",
    [["top", "--sort", "colour"], ["top", "--every", "0"], ["top", "../x"], ["logs"]],
    ids=" ".join,
)
def test_a_wrong_command_line_exits_2(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").write_text(FLEET)
    assert app.run(["-C", str(tmp_path), *arguments]) == 2


# Hosts that answer, and have nothing of any group.
BARE = FakeNodeLogs((HostLogs(host="a"), HostLogs(host="b")))


def test_a_group_that_is_nowhere_has_no_logs_and_no_loads(tmp_path: Path) -> None:
    bare = FakeLoads([(HostLoads(host="a", at=1), HostLoads(host="b", at=1))])
    with pytest.raises(UsageError, match="there is no group 'demo'"):
        run(top, tmp_path, bare, "demo", "--once")
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups" / "demo.yml").write_text("")
    for command, probe, arguments in (
        (logs, BARE, ["w-0"]),
        (logs, BARE, ["--list"]),
        (top, bare, ["--once"]),
    ):
        with pytest.raises(ClusterError, match="carries this group"):
            run(command, tmp_path, probe, "demo", *arguments)
