"""What a host keeps of workers that ended: real files, a stand-in for systemctl alone."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from adbray_host import kept_logs, layout, log_archive, systemd
from tests import host_command
from tests.unit.host_modules import HostModules

T = 1_790_000_000
BEGAN = "20260921T141320Z"
DAY_S = 86400


class Host:
    """One host with slots of the groups demo and other, whose disks are plain directories."""

    def __init__(self, patch: pytest.MonkeyPatch, base: Path) -> None:
        self.base = base
        self.root = base / "kept"
        self.settings = base / "kept_logs.json"
        self.asked = base / "asked"
        systemctl = base / "systemctl"
        systemctl.write_text(f'#!/bin/sh\necho "$@" >>{self.asked}\n')
        systemctl.chmod(0o755)
        script = HostModules(patch, kept_logs, log_archive, layout, systemd)
        script.DATA, script.KEPT_LOGS = str(base / "data"), str(self.root)
        script.KEPT_LOGS_SETTINGS, script.SYSTEMCTL = str(self.settings), str(systemctl)
        self.script = script

    def disk(self, slot: str = "w-0", group: str = "demo") -> Path:
        disk = self.base / "data" / group / slot
        for folder in ("tmp", "logs"):
            (disk / folder).mkdir(parents=True, exist_ok=True)
        return disk

    def ray(self, slot: str = "w-0", group: str = "demo", **files: str) -> Path:
        """Ray writes logs in the session it has."""
        logs = self.disk(slot, group) / "tmp" / "ray" / "session_2026-09-01_12-00-00_1_2" / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (logs / name).write_text(text)
        return logs

    def begin(self, at: float, slot: str = "w-0", group: str = "demo") -> None:
        self.script.aside(str(self.disk(slot, group)), at)

    def end(self, slot: str = "w-0", group: str = "demo") -> None:
        """The unit ends, and its temporary files go."""
        disk = self.disk(slot, group)
        self.script.aside(str(disk), time.time())
        subprocess.run(["find", str(disk / "tmp"), "-mindepth", "1", "-delete"], check=True)

    def keep(self, slot: str = "w-0", group: str = "demo", now: float | None = None) -> None:
        # The script ends with it; here others' children would inherit that they hear no SIGTERM.
        heard = signal.getsignal(signal.SIGTERM)
        try:
            self.script.keep(str(self.disk(slot, group)), time.time() if now is None else now)
        finally:
            signal.signal(signal.SIGTERM, heard)

    def lives(self, at: float, slot: str = "w-0", group: str = "demo", **files: str) -> None:
        """A worker begins, writes, ends, and is kept."""
        self.begin(at, slot, group)
        self.ray(slot, group, **files)
        self.end(slot, group)
        self.keep(slot, group)

    def moved(self) -> list[str]:
        """What lies on the slot's disk and waits to be packed."""
        return [path.name for path in (self.disk() / "logs").iterdir()]

    def kept(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*.tar.gz"))

    def content(self, name: str) -> dict[str, str]:
        found = {}
        with tarfile.open(self.root / name) as archive:
            for entry in archive:
                file = archive.extractfile(entry)
                assert file is not None
                found[entry.name] = file.read().decode()
        return found


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    return Host(monkeypatch, tmp_path)


def test_what_ended_is_packed_and_leaves_its_disk(host: Host) -> None:
    host.begin(T)
    logs = host.ray(**{"raylet.out": "fell over", "worker-1.err": "x" * 100})
    (logs / "old").mkdir()
    (logs / "old" / "raylet.out.1").write_text("before")
    host.end()
    assert host.moved() == [BEGAN]
    host.keep()
    assert host.kept() == [f"demo/w-0/{BEGAN}.tar.gz"]
    assert host.content(host.kept()[0]) == {
        "raylet.out": "fell over",
        "worker-1.err": "x" * 100,
        "old/raylet.out.1": "before",
    }
    assert host.moved() == []


def test_only_root_may_read_it(host: Host) -> None:
    before = os.umask(0o022)
    try:
        host.begin(T)
        host.ray(a="1")
        host.end()
        there = {"layout.DATA": host.base / "data", "layout.KEPT_LOGS": host.root}
        host_command.output(there, "logs", "keep", str(host.disk()))
    finally:
        os.umask(before)
    (path,) = host.root.rglob("*.tar.gz")
    assert path.stat().st_mode & 0o777 == 0o600
    for folder in (host.root, path.parent, path.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_each_start_has_its_own(host: Host) -> None:
    host.lives(T, a="first")
    host.lives(T + 90, a="second")
    first, second = host.kept()
    assert (host.content(first), host.content(second)) == ({"a": "first"}, {"a": "second"})
    assert "141320Z" in first
    assert "141450Z" in second


def test_what_a_loss_of_power_left_is_kept_by_the_next_start(host: Host) -> None:
    host.begin(T)
    host.ray(a="cut short")
    host.begin(T + 600)
    host.ray(a="after")
    host.keep()
    assert [host.content(name) for name in host.kept()] == [{"a": "cut short"}]
    assert BEGAN in host.kept()[0]


def test_two_within_a_second_are_both_kept(host: Host) -> None:
    for text in ("one", "two"):
        host.begin(T)
        host.ray(a=text)
        host.end()
    host.keep()
    assert [host.content(name)["a"] for name in host.kept()] == ["two", "one"]


def test_a_start_without_logs_leaves_nothing(host: Host) -> None:
    host.lives(T)
    assert host.kept() == []
    assert list(host.root.iterdir()) == []


def test_links_lead_nowhere(host: Host) -> None:
    secret = host.base / "secret"
    secret.mkdir()
    (secret / "shadow").write_text("root's own")
    host.begin(T)
    logs = host.ray(a="mine")
    (logs / "b").symlink_to(secret / "shadow")
    (logs / "c").symlink_to(secret)
    os.mkfifo(logs / "d")
    host.end()
    (host.disk() / "logs" / "20260101T000000Z").symlink_to(secret)
    host.keep()
    assert [host.content(name) for name in host.kept() if BEGAN in name] == [{"a": "mine"}]
    assert not [name for name in host.kept() if "shadow" in host.content(name)]
    assert (secret / "shadow").exists()


@pytest.mark.parametrize(
    "name",
    [
        "9T9Zx",
        "20260231T000000Z",
        "20260921T141360Z",
        "99990921T141320Z",
        f"{BEGAN}-x",
        f"{BEGAN}\n",
    ],
)
def test_what_is_named_as_no_start_goes_unpacked(host: Host, name: str) -> None:
    made = host.disk() / "logs" / name
    made.mkdir()
    (made / "a").write_text("of a job")
    host.keep()
    assert (host.kept(), host.moved()) == ([], [])


def test_what_is_no_folder_goes_too(host: Host) -> None:
    elsewhere = host.base / "elsewhere"
    elsewhere.mkdir()
    logs = host.disk() / "logs"
    (logs / "9T9Zx").write_text("")
    os.mkfifo(logs / "20260101T000000Z")
    (logs / "20260101T000000Z-2").symlink_to(elsewhere)
    host.keep()
    assert host.moved() == [], "or each tick would start its unit anew"
    assert elsewhere.exists()


@pytest.mark.parametrize("made", ["fifo", "link", "folder"])
def test_what_a_job_puts_in_others_place_holds_no_slot_up(host: Host, made: str) -> None:
    own = host.base / "own"
    own.write_text("the slot's user's own")
    mark = host.disk() / "tmp" / ".adbray-began"
    if made == "fifo":
        os.mkfifo(mark)
    elif made == "link":
        mark.symlink_to(own)
    else:
        (mark / "a").mkdir(parents=True)
    command = host_command.command({}, "logs", "aside", str(host.disk()))
    subprocess.run(command, timeout=30, check=True)
    assert mark.lstat().st_size == 0
    assert stat.S_ISREG(mark.lstat().st_mode)
    assert own.read_text() == "the slot's user's own"
    host.begin(T)
    session = host.ray(a="1").parent.with_name("session_2000")
    session.mkdir()
    (session / "logs").write_text("no folder")
    host.end()
    assert host.moved() == [BEGAN]


def test_a_folder_that_becomes_a_link_is_not_entered(host: Host) -> None:
    (host.base / "shadow").write_text("root's own")
    (host.base / "here").symlink_to(host.base)
    assert host.script.tail(str(host.base), "shadow", 5) == b"s own"
    assert host.script.tail(str(host.base / "here"), "shadow", 5) is None
    assert host.script.tail(str(host.base), "here/shadow", 5) is None


def test_of_large_logs_the_end_is_kept_of_the_last_written(host: Host) -> None:
    host.script.FILE_BYTES, host.script.START_BYTES = 10, 15
    host.begin(T)
    logs = host.ray(old="O" * 20, new="a" * 20 + "b" * 10, newest="c" * 4)
    for age, name in enumerate(("newest", "new", "old")):
        os.utime(logs / name, (T - age, T - age))
    host.end()
    host.keep()
    assert host.content(host.kept()[0]) == {"newest": "cccc", "new": "b" * 10, "old": "O"}


def test_the_old_goes(host: Host) -> None:
    host.lives(T, a="x")
    now = time.time()
    host.script.tick(now + 13 * DAY_S)
    assert host.kept() != []
    host.script.tick(now + 15 * DAY_S)
    assert host.kept() == []
    assert list(host.root.iterdir()) == []


def test_settings_say_how_long_and_how_much(host: Host) -> None:
    host.lives(T, a="x")
    host.settings.write_text('{"days": 1, "max_mb": 1}')
    host.script.tick(time.time() + 2 * DAY_S)
    assert host.kept() == []
    host.settings.write_text('{"days": 1, "max_mb": 0}')
    host.lives(T, a="x")
    assert host.kept() == []
    assert host.moved() == [], "the slot has its room back"
    host.settings.write_text('{"days": "many')
    host.lives(T, a="x")
    assert host.kept() != []


def test_the_oldest_goes_where_there_is_too_much(host: Host) -> None:
    host.settings.write_text('{"days": 9, "max_mb": 1}')
    for number in range(4):
        host.lives(T + number, f"w-{number % 2}", a=os.urandom(250_000).hex())
        (newest,) = [path for path in host.root.rglob("*.tar.gz") if f"2{number}Z" in path.name]
        os.utime(newest, (time.time() - 10 + number,) * 2)
    host.script.tick(time.time())
    kept = sorted(host.root.rglob("*.tar.gz"), key=lambda path: path.name)
    assert [path.name[13:16] for path in kept] == ["21Z", "22Z", "23Z"]
    assert sum(path.stat().st_size for path in kept) <= 2**20


def test_a_worker_that_fails_on_and_on_pushes_nobody_out(host: Host) -> None:
    host.script.MOST_OF_A_SLOT = 3
    host.lives(T, "w-1", a="x")
    for number in range(5):
        host.lives(T + number, "w-0", a="x")
    assert len([name for name in host.kept() if "w-0" in name]) == 3
    assert len([name for name in host.kept() if "w-1" in name]) == 1


def test_without_room_older_ones_make_some(host: Host) -> None:
    host.lives(T, "w-1", a="the older one")
    written, room = log_archive.write, [OSError(28, "No space left on device")]

    def write(file: Any, path: str) -> None:
        written(file, path)
        if room:
            raise room.pop()

    host.script.write = write
    host.lives(T + 60, a="the newer one")
    assert [host.content(name) for name in host.kept()] == [{"a": "the newer one"}]


def test_with_no_room_at_all_the_slot_has_its_own_back(host: Host) -> None:
    host.begin(T)
    host.ray(a=os.urandom(50_000).hex())
    host.end()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            host.keep()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert host.kept() == []
    assert list(host.root.rglob("*.new")) == []
    assert host.moved() == []


def test_what_the_host_needs_free_is_not_taken(host: Host) -> None:
    host.lives(T, a="x")
    host.script.FREE_SHARE = 1.0
    host.script.tick(time.time())
    assert host.kept() == []


def test_what_broke_off_goes(host: Host) -> None:
    host.lives(T, a="x")
    left = host.root / "demo" / "w-0" / "20260101T000000Z.tar.gz.new"
    left.write_text("half")
    host.script.tick(time.time())
    assert not left.exists()
    assert host.kept() == [f"demo/w-0/{BEGAN}.tar.gz"]


def test_a_tick_starts_what_was_missed(host: Host) -> None:
    host.script.tick(time.time())
    assert not host.asked.exists()
    for slot, group in (("big-w-0", "demo"), ("w-1", "my-team")):
        host.begin(T, slot, group)
        host.ray(slot, group, a="x")
        host.end(slot, group)
    host.script.tick(time.time())
    data = host.script.escape(str(host.base / "data"))
    assert host.asked.read_text().split() == [
        *("start", "--no-block", "--"),
        f"adbray-logs@{data}-demo-big\\x2dw\\x2d0.service",
        f"adbray-logs@{data}-my\\x2dteam-w\\x2d1.service",
    ]


def test_names_of_units_are_those_of_systemd(host: Host) -> None:
    path = "/var/lib/adbray/my-team/big-w-0"
    command = ["systemd-escape", "--path", path]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert host.script.escape(path) == told


@pytest.mark.parametrize("disk", ["/etc", "/var/lib/adbray/demo/../x", "/var/lib/adbray/demo"])
def test_only_disks_of_slots_are_looked_at(disk: str) -> None:
    command = host_command.command({}, "logs", "keep", disk)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"logs: no slot's disk: {disk}\n")


def test_wrong_words_are_refused() -> None:
    command = host_command.command({}, "logs", "keep")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: logs aside DISK" in done.stderr
