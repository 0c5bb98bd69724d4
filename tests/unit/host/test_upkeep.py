"""What bounds the logs on a slot's disk and keeps room for a start: real files and processes.

Logs are cut as ext4 and xfs can, so that these tests need one of them below the temporary files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adbray_host import layout, mounts
from adbray_host.upkeep import logs, reserve, watch
from tests import host_command
from tests.unit.host_modules import HostModules

T = 1_790_000_000
MIB = 2**20
LINE = b"x" * 99 + b"\n"


class Slot:
    """A slot whose disk is a plain directory; its logs may have 1 MiB each."""

    def __init__(self, patch: pytest.MonkeyPatch, base: Path) -> None:
        self.base = base
        self.disk = base / "data" / "demo" / "head"
        self.logs = self.disk / "tmp" / "ray" / "session_2026-09-01_12-00-00_1_2" / "logs"
        self.logs.mkdir(parents=True)
        self.script = HostModules(patch, watch, logs, reserve, layout, mounts)
        self.script.DATA, self.script.LOG_MOST = str(base / "data"), MIB
        self.script.RESERVE_LEAST = self.script.RESERVE_MOST = 4 * MIB
        self.script.RESERVE_FILES = 20

    def write(self, name: str, lines: int, at: float = T) -> Path:
        path = self.logs / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(LINE * lines)
        os.utime(path, (at, at))
        return path

    def bound(self) -> None:
        self.script.bound_logs(str(self.disk), {})

    @property
    def reserve(self) -> Path:
        return self.disk / ".reserve"


@pytest.fixture
def slot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Slot:
    return Slot(monkeypatch, tmp_path)


@pytest.fixture
def writer(slot: Slot) -> Iterator[subprocess.Popen[bytes]]:
    """A job that writes its standard input to its log, opened as Ray opens it."""
    with (slot.logs / "job-driver-1.log").open("ab") as log:
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def test_a_log_loses_its_beginning_and_says_so(slot: Slot) -> None:
    log = slot.write("job-driver-1.log", 20_000)
    log.write_bytes(log.read_bytes() + b"the end\n")
    slot.bound()
    first, *middle, last = log.read_bytes().splitlines(keepends=True)
    assert first.startswith(b"[adbray cut this log: its oldest 1 MiB are gone]")
    assert set(middle) == {LINE}
    assert last == b"the end\n"
    assert log.stat().st_size <= MIB


def test_who_writes_a_log_goes_on_behind_it(slot: Slot, writer: subprocess.Popen[bytes]) -> None:
    assert writer.stdin is not None
    log = slot.logs / "job-driver-1.log"
    written = 0
    for round_ in range(5):
        writer.stdin.write(LINE * 20_000 + b"round %d\n" % round_)
        writer.stdin.flush()
        written += 20_000 * len(LINE)
        while not log.read_bytes().endswith(b"round %d\n" % round_):
            pass
        slot.bound()
        assert log.stat().st_size <= MIB
        assert b"\0" not in log.read_bytes()
    assert written > 8 * MIB
    assert log.read_bytes().endswith(LINE + b"round 4\n")
    # Of all cuts together; each rounds down.
    gone = int(log.read_bytes().split()[6])
    assert written // MIB - 6 <= gone <= written // MIB


def test_what_was_written_while_a_log_was_cut_is_seen_at_the_next_look(slot: Slot) -> None:
    """The cut gives back more room than the writer took meanwhile: nothing shows that it grew."""
    seen = slot.script.Watch()
    log = slot.write("job-driver-1.log", 20_000)
    assert seen.look(str(slot.disk), T), "the next look comes soon"
    log.write_bytes(LINE * 20_000)
    seen.look(str(slot.disk), T + 0.1)
    assert log.stat().st_size <= MIB


def test_logs_of_all_kinds_are_bounded(slot: Slot) -> None:
    names = ("worker-1.out", "runtime_env_setup-1.log", "gcs_server.err", "events/event_GCS.log")
    logs = [slot.write(name, 20_000) for name in names]
    small = slot.write("raylet.out", 100)
    slot.bound()
    assert all(log.stat().st_size <= MIB for log in logs)
    assert small.read_bytes() == LINE * 100


@pytest.mark.parametrize("name", ["raylet.log.1", "gcs_server.1.out", "worker-1.err.20"])
def test_rotated_logs_are_bounded(slot: Slot, name: str) -> None:
    log = slot.write(name, 20_000)
    slot.bound()
    assert log.stat().st_size <= MIB


@pytest.mark.parametrize("name", ["nsight/worker.nsys-rep", "report.bin", "log", "x.login"])
def test_results_of_tools_are_not_cut(slot: Slot, name: str) -> None:
    """Ray keeps what nsight measured there."""
    report = slot.write(name, 20_000)
    slot.bound()
    assert report.read_bytes() == LINE * 20_000


def test_a_link_is_no_log(slot: Slot) -> None:
    """A job would have root cut a file elsewhere."""
    outside = slot.base / "precious"
    outside.write_bytes(LINE * 20_000)
    (slot.logs / "job-driver-2.log").symlink_to(outside)
    os.link(outside, slot.logs / "job-driver-3.log")
    (slot.logs / "jobs").symlink_to(slot.base)
    (slot.disk / "tmp" / "ray" / "session_2").symlink_to(slot.base)
    (slot.base / "logs").mkdir()
    (slot.base / "logs" / "big.log").write_bytes(LINE * 20_000)
    slot.bound()
    assert outside.read_bytes() == LINE * 20_000
    assert (slot.base / "logs" / "big.log").read_bytes() == LINE * 20_000


def test_a_fifo_holds_nothing_up(slot: Slot) -> None:
    os.mkfifo(slot.logs / "job-driver-4.log")
    slot.bound()


def test_logs_nested_deeper_than_can_be_walked_hurt_nobody(slot: Slot) -> None:
    deep = "mkdir -p " + "/".join("d" * 5 for _ in range(600))
    subprocess.run(["sh", "-c", deep], cwd=slot.logs, check=True)
    log = slot.write("job-driver-1.log", 20_000)
    slot.bound()
    assert log.stat().st_size <= MIB
    subprocess.run(["rm", "-rf", str(slot.logs)], check=True)


def test_of_too_many_logs_those_of_the_ended_go_oldest_first(
    slot: Slot, writer: subprocess.Popen[bytes]
) -> None:
    del writer
    slot.script.LOGS_FILES = 10
    for number in range(15):
        slot.write(f"worker-{number}.out", 1, T + number)
    os.utime(slot.logs / "job-driver-1.log", (T - 9, T - 9))
    slot.bound()
    left = {path.name for path in slot.logs.iterdir()}
    assert "job-driver-1.log" in left, "a process has it open"
    assert left - {"job-driver-1.log"} == {f"worker-{n}.out" for n in range(6, 15)}


def test_more_files_than_fit_in_memory_go_part_by_part(slot: Slot) -> None:
    slot.script.LOGS_FILES = 100
    for number in range(3000):
        (slot.logs / f"{number:0250}").touch()
    tracemalloc.start()
    soon = slot.script.bound_logs(str(slot.disk), {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert soon, "the next look comes soon"
    assert peak < MIB // 2
    while slot.script.bound_logs(str(slot.disk), {}):
        pass
    assert len(list(slot.logs.iterdir())) <= 100


def test_the_reserve_is_made_and_grows_to_its_size(slot: Slot) -> None:
    slot.script.keep_reserve(str(slot.disk), T)
    assert (slot.reserve / "room").stat().st_blocks * 512 >= 4 * MIB
    assert len(list(slot.reserve.glob("[0-9]*"))) == 20
    assert slot.reserve.stat().st_mode & 0o777 == 0o700


def test_a_start_keeps_what_it_was_given_until_it_has_come_up(slot: Slot) -> None:
    slot.script.keep_reserve(str(slot.disk), T)
    # More than any disk has free, so that the start lacks all of it.
    slot.script.START_BYTES = 2**60
    slot.script.room(str(slot.disk), T)
    assert (slot.reserve / "room").stat().st_size == 0
    slot.script.keep_reserve(str(slot.disk), T + 50)
    assert (slot.reserve / "room").stat().st_size == 0
    slot.script.keep_reserve(str(slot.disk), T + 61)
    assert (slot.reserve / "room").stat().st_size == 4 * MIB


def test_the_reserve_is_kept_again_after_a_clock_that_was_ahead(slot: Slot) -> None:
    slot.script.keep_reserve(str(slot.disk), T)
    slot.script.START_BYTES = 2**60
    slot.script.room(str(slot.disk), T + 10_000)
    slot.script.keep_reserve(str(slot.disk), T)
    assert (slot.reserve / "room").stat().st_size == 4 * MIB


def test_a_start_says_first_that_it_was_given_something(slot: Slot) -> None:
    """Or the watch keeps it again, before the start has come to use it."""
    slot.script.keep_reserve(str(slot.disk), T)
    assert (slot.reserve / "given").stat().st_mtime == 0
    (slot.reserve / "room").unlink()
    slot.script.START_BYTES = 2**60
    slot.script.room(str(slot.disk), T)
    assert (slot.reserve / "given").stat().st_mtime == T


def test_a_start_with_room_takes_nothing(slot: Slot) -> None:
    slot.script.keep_reserve(str(slot.disk), T)
    slot.script.room(str(slot.disk), T)
    assert (slot.reserve / "room").stat().st_size == 4 * MIB


def test_a_disk_without_a_reserve_is_started_on(slot: Slot) -> None:
    slot.script.room(str(slot.disk), T)
    assert not slot.reserve.exists()


def test_only_disks_of_slots_are_watched(slot: Slot) -> None:
    points = ["/", f"{slot.script.DATA}/demo/head", f"{slot.script.DATA}/demo/w-0/spill"]
    points.append(f"{slot.script.DATA}/.images/x")
    mountinfo = slot.base / "mountinfo"
    mountinfo.write_text("".join(f"1 1 8:1 / {p} rw - ext4 /dev/x rw\n" for p in points))
    slot.script.MOUNTINFO = str(mountinfo)
    assert slot.script.mounted_disks() == [f"{slot.script.DATA}/demo/head"]


def test_what_fails_is_told_once(slot: Slot, capsys: Any) -> None:
    (slot.disk / ".reserve").write_text("in the way")
    seen = slot.script.Watch()
    for second in range(3):
        seen.look(str(slot.disk), T + 60 * second)
    assert capsys.readouterr().out.count("Not a directory") == 1


def test_a_log_that_cannot_be_cut_stops_nothing_else(slot: Slot, capsys: Any) -> None:
    """Nobody can write to a file that is being executed."""
    tool = slot.logs / "tool.log"
    shutil.copy("/bin/sleep", tool)
    with tool.open("ab") as file:
        file.write(LINE * 20_000)
    logs = [slot.write(f"worker-{number}.out", 20_000) for number in range(5)]
    with subprocess.Popen([tool, "600"]) as process:
        try:
            seen = slot.script.Watch()
            for second in range(3):
                seen.look(str(slot.disk), T + 60 * second)
        finally:
            process.kill()
    assert all(log.stat().st_size <= MIB for log in logs)
    assert (slot.reserve / "room").stat().st_size == 4 * MIB
    assert capsys.readouterr().out.count("tool.log' cannot be cut: [Errno 26]") == 1


def test_it_says_what_it_can_be_asked() -> None:
    command = host_command.command({}, "disks", "what")
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"usage: disks" in done.stderr
