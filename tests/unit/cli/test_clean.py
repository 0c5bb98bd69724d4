"""`adbray clean`: what it frees, asks for, refuses and prints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.cli.commands.clean import clean
from adbray_ctl.cli.state import State
from adbray_ctl.core.errors import HostError, UsageError
from adbray_ctl.core.observed.cleaning import DiskItem, May, NodeDisk, Room
from adbray_ctl.testing.insight import FakeDisks
from tests.unit.cli.logged import FLEET, logged

GIB = 2**30
LOGS = DiskItem(what="logs of ended processes", path="tmp/l", bytes=5000, files=3, may=May.FREE)
FILES = DiskItem(what="files of jobs", path="tmp/[/x]", bytes=2 * GIB, files=1, may=May.ASK)
USED = DiskItem(what="logs in use", path="tmp/u", bytes=9, files=1, may=May.KEEP, why="Ray [b]")
ITEMS = (FILES, LOGS, USED)


def full(*items: DiskItem, error: str = "") -> FakeDisks:
    """A disk without room; there is some when anything was removed."""
    room = Room(size=10 * GIB, free=0, files=100, files_free=50)
    disk = NodeDisk(host="a", path="/d", runs=True, before=room, after=room, items=items or ITEMS)
    return FakeDisks(disk, Room(size=10 * GIB, free=2 * GIB), error)


def run(directory: Path, disks: FakeDisks, *arguments: str) -> None:
    (directory / "fleet.yml").write_text(FLEET)
    state = State(directory=directory)
    vars(state)["tools"] = replace(wiring.tools(directory), logs=logged(), disks=disks)
    clean.main(args=["demo", *arguments], obj=state, standalone_mode=False)


def test_what_nobody_can_use_goes_without_a_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disks = full()
    run(tmp_path, disks, "head")
    assert disks.freed == ["tmp/l"]
    screen = capsys.readouterr()
    assert "/d on a: 100 % full, 0 KiB free, 50 files free" in screen.out
    assert "files of jobs            tmp/[/x]  removed only if you confirm" in screen.out
    assert "stays: Ray [b]" in screen.out
    assert "freed 5 KiB, logs of ended processes: tmp/l" in screen.out
    assert "2.0 GiB freed, now 80 % full, 2.0 GiB free" in screen.out
    assert screen.err == "not removed without --yes: 2.0 GiB that jobs or operators wrote\n"


def test_files_of_jobs_go_with_a_yes(tmp_path: Path) -> None:
    disks = full()
    run(tmp_path, disks, "head", "--yes")
    assert disks.freed == ["tmp/l", "tmp/[/x]"]


@pytest.mark.parametrize("more", [(), ("--yes",), ("--json",)])
def test_a_dry_run_frees_nothing(tmp_path: Path, more: tuple[str, ...]) -> None:
    disks = full()
    run(tmp_path, disks, "head", "--dry-run", *more)
    assert disks.freed == []


def test_json_asks_nothing_and_has_it_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disks = full()
    run(tmp_path, disks, "head", "--json")
    assert disks.freed == ["tmp/l"]
    shown = json.loads(capsys.readouterr().out)
    assert [item["path"] for item in shown["items"]] == ["tmp/l"]
    assert shown["after"]["free"] == 2 * GIB
    run(tmp_path, full(), "head", "--json", "--dry-run")
    assert len(json.loads(capsys.readouterr().out)["items"]) == 3


def test_what_could_not_go_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HostError, match="tmp/l: read-only"):
        run(tmp_path, full(error="read-only"), "head")
    assert "! not freed: logs of ended processes: tmp/l: read-only" in capsys.readouterr().out


def test_any_name_can_be_shown_chosen_and_written_down(tmp_path: Path) -> None:
    odd = LOGS.model_copy(update={"path": "tmp/\udcff"})
    disks = full(odd, error="read-only")
    with pytest.raises(HostError) as raised:
        run(tmp_path, disks, "head")
    assert disks.freed == ["tmp/\udcff"], "the host finds it again"
    assert raised.value.what.encode().endswith(rb"tmp/\udcff: read-only")
    assert DiskItem(**{**vars(LOGS), "error": "\udcff"}).error == r"\udcff"


def test_nothing_to_free_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disks = full(USED)
    run(tmp_path, disks, "head")
    assert disks.freed == []
    assert "freed" not in capsys.readouterr().out


def test_a_node_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nosuch"):
        run(tmp_path, full(), "nosuch")
