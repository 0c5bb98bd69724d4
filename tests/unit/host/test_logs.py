"""What a host says of logs and loads, and for bundles: the commands on real files."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl.core.bundle import CollectRequest, HostFiles
from adbray_ctl.core.observed.loads import HostLoads
from adbray_ctl.core.observed.logs import HostLogs, LogRequest
from tests.host_command import command

GROUP = "demo"
UNIT = f"adbray-worker@{GROUP}.w-0.service"
JOURNALCTL = """#!/bin/sh
case "$*" in
*-k*) echo '2026-09-21T10:00:00 a kernel: Out of memory: Killed process 7 (ray)'; echo other;;
*) echo "journal of $*";;
esac
case "$*" in *-f*) echo more; exec sleep 60;; esac
"""
SYSTEMCTL = """#!/bin/sh
case "$*" in
*ControlGroup*) cat "$SHOWN";;
*) echo "systemctl $*";;
esac
"""


class Host:
    """A host with a worker of demo, whose files lie below ``base``."""

    def __init__(self, base: Path) -> None:
        self.base = base
        for folder in (
            "etc/demo",
            "data/demo/w-0/tmp",
            "data/demo/w-0/logs",
            "kept",
            "units",
            "bin",
        ):
            (base / folder).mkdir(parents=True)
        for name, text in {"journalctl": JOURNALCTL, "systemctl": SYSTEMCTL}.items():
            (base / "bin" / name).write_text(text)
            (base / "bin" / name).chmod(0o755)
        self.record("w-0", "worker", UNIT)
        (base / "units" / UNIT).write_text("[Service]\nEnvironment=KEY=abcd\n")
        (base / "units" / "adbray-worker@other.w-0.service").write_text("not ours")
        (base / "units" / "adbray.slice").write_text("[Slice]\n")

    def record(self, slot: str, kind: str, unit: str, group: str = GROUP) -> None:
        said = {"group": group, "slot": slot, "kind": kind, "unit": unit, "cpus": 2}
        said |= {"disk_gb": 1, "memory_mb": 1024, "venv": "/opt/adbray/ray-2.60.0-py3.11"}
        (self.base / "etc" / group / f"{slot}.json").write_text(json.dumps(said))

    @property
    def logs(self) -> Path:
        found = self.base / "data/demo/w-0/tmp/ray/session_2026-09-21_1_1/logs"
        found.mkdir(parents=True, exist_ok=True)
        return found

    def keep(self, start: str, **files: str) -> None:
        folder = self.base / "kept/demo/w-0"
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / f"{start}.tar.gz", "w:gz") as archive:
            for name, text in files.items():
                (self.base / "one").write_text(text)
                archive.add(self.base / "one", arcname=name)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command as the host's Python runs it."""
        elsewhere = {
            "layout.KEPT_LOGS": self.base / "kept",
            "layout.DATA": self.base / "data",
            "layout.ETC": self.base / "etc",
            "layout.UNITS": self.base / "units",
            "layout.CGROUPS": self.base / "cgroup",
            "layout.PROC": self.base / "proc",
            "systemd.SYSTEMCTL": self.base / "bin/systemctl",
        }
        path = f"{self.base}/bin:{os.environ['PATH']}"
        environment = dict(os.environ, PATH=path, SHOWN=str(self.base / "shown"), TZ="UTC")
        return subprocess.Popen(
            command(elsewhere, *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, *words: str) -> str:
        with self.start(*words) as running:
            out, err = running.communicate(timeout=60)
        assert (running.returncode, err) == (0, "")
        return out

    def read(self, **wanted: Any) -> list[tuple[str, str]]:
        request = LogRequest(group=GROUP, node="w-0", **wanted).model_dump_json()
        out = self.run("read-logs", request)
        return [tuple(json.loads(line)) for line in out.splitlines()]

    def collect(self, budget: int = 2**24) -> HostFiles:
        wanted = CollectRequest(group=GROUP, lines=7, since=100, budget=budget)
        out = self.run("collect", wanted.model_dump_json())
        said = json.loads(zlib.decompress(base64.b64decode(out)))
        return HostFiles.model_validate({**said, "host": "a"})


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_host_tells_what_it_has(host: Host) -> None:
    host.keep("20260921T141320Z", a="x")
    out = host.run("read-logs", json.dumps({"group": GROUP}))
    said = HostLogs.model_validate({**json.loads(out), "host": "a"})
    assert said.slots == ("w-0",)
    (kept,) = said.kept
    assert (kept.slot, kept.start, kept.began_at) == ("w-0", "20260921T141320Z", 1_790_000_000)


def test_a_name_that_tells_no_time_is_left_out(host: Host) -> None:
    host.keep("20260921T141320Z-2", **{"raylet.out": "mine\n"})
    for start in ("9T9Zx", "20260231T000000Z", "20260921T141360Z", "20260921T141320Z-x"):
        host.keep(start, a="x")
    out = host.run("read-logs", json.dumps({"group": GROUP}))
    said = HostLogs.model_validate({**json.loads(out), "host": "a"})
    assert [(one.start, one.began_at) for one in said.kept] == [
        ("20260921T141320Z-2", 1_790_000_000)
    ]


def test_the_journal_and_the_last_lines_of_each_log(host: Host) -> None:
    (host.logs / "raylet.out").write_text("one\ntwo\nthree\n")
    (host.logs / "old").mkdir()
    (host.logs / "old" / "raylet.out.1").write_text("before\n")
    (host.logs / "empty").write_text("")
    os.utime(host.logs / "old" / "raylet.out.1", (1, 1))
    said = host.read(lines=2)
    assert said[1:] == [
        ("old/raylet.out.1", "before"),
        ("raylet.out", "two"),
        ("raylet.out", "three"),
    ]
    assert said[0] == ("journal", f"journal of --no-pager -q -o short-iso -n 2 -u {UNIT}")
    assert host.read(file="raylet.*", lines=0) == [
        ("raylet.out", "one"), ("raylet.out", "two"), ("raylet.out", "three")
    ]  # fmt: skip


@pytest.mark.parametrize("start", ["", "20260921T141320Z"])
def test_a_long_last_line_is_told_or_its_end(host: Host, start: str) -> None:
    texts = {"long": f"short\n{'y' * 5000}\n", "longer": f"short\n{'z' * 70_000}!\n"}
    host.keep("20260921T141320Z", **texts)
    for name, text in texts.items():
        (host.logs / name).write_text(text)
    said = dict(host.read(start=start, lines=1, file="long*"))
    assert said["long"] == "y" * 5000
    assert said["longer"].endswith("zzz!")
    assert len(said["longer"]) > 60_000
    said = dict(host.read(start=start, lines=0, file="longer"))
    assert said["longer"] == "z" * 70_000 + "!"


def test_lines_since_then(host: Host) -> None:
    (host.logs / "a.log").write_text(
        "2026-09-21 14:13:19,999\tINFO early\n"
        "[2026-09-21 14:13:20,000 I 1 2] then\n  more of it\n[2026-09-21 14:20:00,000 I] late\n"
    )
    (host.logs / "b.log").write_text("tells no time\n")
    said = [text for source, text in host.read(since=1_790_000_000) if source != "journal"]
    assert said == [
        "[2026-09-21 14:13:20,000 I 1 2] then", "  more of it", "[2026-09-21 14:20:00,000 I] late"
    ]  # fmt: skip
    assert "--since @1790000000" in host.read(since=1_790_000_000)[0][1]


def test_what_is_kept_of_a_start(host: Host) -> None:
    host.keep("20260921T141320Z", **{"raylet.out": "one\ntwo\n", "x.err": "bad\n"})
    said = host.read(start="20260921T141320Z", lines=1)
    assert sorted(said[1:]) == [("raylet.out", "two"), ("x.err", "bad")]
    assert "--since @1790000000 --until @" in said[0][1]


def test_links_of_jobs_lead_nowhere(host: Host) -> None:
    (host.base / "shadow").write_text("root's own\n")
    (host.logs / "raylet.out").symlink_to(host.base / "shadow")
    (host.logs / "b").symlink_to(host.base)
    assert [source for source, _ in host.read()] == ["journal"]
    ray = host.base / "data/demo/w-0/tmp/ray"
    ray.rename(host.base / "elsewhere")
    (host.base / "elsewhere" / "session_2026-09-21_1_1" / "logs" / "c.log").write_text("own\n")
    ray.symlink_to(host.base / "elsewhere")
    assert [source for source, _ in host.read()] == ["journal"]


@pytest.fixture
def follower(host: Host) -> Iterator[subprocess.Popen[str]]:
    (host.logs / "raylet.out").write_text("one\n")
    request = LogRequest(group=GROUP, node="w-0", follow=True).model_dump_json()
    with host.start("read-logs", request) as script:
        yield script
        if script.poll() is None:
            script.send_signal(signal.SIGKILL)


def test_lines_are_followed_until_nobody_listens(
    host: Host, follower: subprocess.Popen[str]
) -> None:
    assert follower.stdout is not None
    assert follower.stdin is not None
    said = [json.loads(follower.stdout.readline()) for _ in range(3)]
    assert ["raylet.out", "one"] in said
    assert ["journal", "more"] in said
    with (host.logs / "raylet.out").open("a") as file:
        file.write("two\nhal")
        file.flush()
        assert json.loads(follower.stdout.readline()) == ["raylet.out", "two"]
        file.write("f\n")
    assert json.loads(follower.stdout.readline()) == ["raylet.out", "half"]
    # Ray turns its logs over, and a worker that starts again has new ones.
    (host.logs / "raylet.out").rename(host.logs / "raylet.out.1")
    (host.logs / "raylet.out").write_text("new\n")
    assert json.loads(follower.stdout.readline()) == ["raylet.out", "new"]
    follower.stdin.close()
    assert follower.wait(60) == 0


def test_what_a_bundle_has_of_a_host(host: Host) -> None:
    (host.logs / "raylet.out").write_text("fell over\n")
    host.keep("20260921T141320Z", **{"raylet.out": "before\n"})
    said = host.collect()
    files = said.files
    assert files["ray/w-0/raylet.out"] == "fell over\n"
    assert files["kept/w-0/20260921T141320Z/raylet.out"] == "before\n"
    assert json.loads(files["kept/list.json"])[0]["slot"] == "w-0"
    assert "Environment=KEY=abcd" in files[f"units/{UNIT}"]
    assert files[f"units/{UNIT}.show"] == f"systemctl show --no-pager -- {UNIT}\n"
    assert "-n 7 --since @100" in files[f"journal/{UNIT}.log"]
    assert files["journal/kernel-oom.log"].count("\n") == 1
    assert "Out of memory" in files["journal/kernel-oom.log"]
    assert json.loads(files["records/w-0.json"])["slot"] == "w-0"
    assert "MemTotal" in files["memory.txt"]
    assert {"disks.txt", "versions.txt", "units/adbray.slice"} <= set(files)
    assert not [name for name in files if "other" in name]
    assert said.left_out == ()


def test_what_a_bundle_has_no_room_for_is_told(host: Host) -> None:
    (host.logs / "raylet.out").write_text("x\n" * 50_000)
    said = host.collect(budget=60_000)
    assert said.size <= 60_000
    assert "ray/w-0/raylet.out" in said.left_out
    assert "records/w-0.json" in said.files


def test_of_a_long_log_the_last_whole_lines(host: Host) -> None:
    secret = "k" * 200_000
    (host.logs / "raylet.out").write_text(f"{secret}{secret}\nlast line\n")
    assert host.collect().files["ray/w-0/raylet.out"] == "last line\n"


def hand_over(path: Path, text: str, behind: Path) -> None:
    """Have ``text`` read by the next who opens ``path``, and ``behind`` by those after it."""
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError):  # as long as nobody reads there
            number = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            break
        assert time.monotonic() < deadline
        time.sleep(0.01)
    behind.rename(path)
    with os.fdopen(number, "w") as file:
        file.write(text)


def test_what_slots_use(host: Host) -> None:
    cgroup = host.base / "cgroup/demo"
    cgroup.mkdir(parents=True)
    for fifo in (cgroup / "cpu.stat", host.base / "second"):
        os.mkfifo(fifo)
    (host.base / "last").touch()
    (cgroup / "memory.current").write_text(f"{300 * 2**20}\n")
    (cgroup / "memory.stat").write_text(f"anon 1\ninactive_file {100 * 2**20}\n")
    (host.base / "proc/42/root/dev/shm").mkdir(parents=True)
    spill = host.base / "data/demo/w-0/spill"
    spill.mkdir()
    (spill / "object").write_bytes(bytes(8192))
    host.record("w-1", "worker", "adbray-worker@demo.w-1.service")
    (host.base / "shown").write_text(
        f"Id={UNIT}\nActiveState=active\nControlGroup=/demo\nMainPID=42\nNRestarts=3\n\n"
        "Id=adbray-worker@demo.w-1.service\nActiveState=inactive\nControlGroup=\nMainPID=0\n"
    )
    with host.start("load", GROUP, "0.5") as script:
        assert script.stdout is not None
        assert script.stdin is not None
        # It looks twice: how soon for the first time is the machine's business.
        first, second = "usage_usec 1000000\nuser_usec 1\n", "usage_usec 1500000\n"
        hand_over(cgroup / "cpu.stat", first, behind=host.base / "second")
        hand_over(cgroup / "cpu.stat", second, behind=host.base / "last")
        said = json.loads(script.stdout.readline())
        script.stdin.close()
        assert script.wait(60) == 0
    loads = HostLoads.model_validate({**said, "host": "a"})
    runs, stopped = loads.slots
    assert runs.cores is not None
    assert 0.3 < runs.cores < 1.2, "half a second of CPU in half a second"
    assert (runs.memory, runs.memory_limit) == (200 * 2**20, 2**30)
    assert runs.objects is not None
    assert runs.spilled == 8192
    assert runs.disk is not None
    assert runs.restarts == 3
    assert (stopped.runs, stopped.cores, stopped.memory, stopped.objects) == (
        False,
        None,
        None,
        None,
    )
