"""How the package comes to a host, and is found there: real processes, other folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adbray_ctl.adapters.host_package import HostPackage, host_package
from adbray_host import arrival

RUN = (
    "import json, runpy, sys; here = runpy.run_path(sys.argv[1]);"
    " here['main'].__globals__.update(json.loads(sys.argv[2])); here['main'](sys.argv[3:])"
)
PACKAGE = host_package()


class Host:
    """A host that has its packages in other places."""

    def __init__(self, base: Path) -> None:
        self.installed, self.cache = base / "adbray_host.pyz", base / "run"

    def run(self, *words: str, stdin: bytes) -> list[str]:
        """What is printed: whether it has the package, and what the command answers."""
        places = json.dumps({"INSTALLED": str(self.installed), "FOLDER": str(self.cache)})
        words = (PACKAGE.digest, str(len(PACKAGE.data)), *words, "1.2.3.4 5 6.7.8.9 22")
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", RUN, arrival.__file__, places, *words],
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().splitlines()

    def unpack(self, place: Path) -> None:
        """As another version arrives."""
        places = json.dumps({"FOLDER": str(self.cache)})
        run = RUN.replace(
            "here['main'](sys.argv[3:])", "here['unpacked'](sys.stdin.buffer.read(), sys.argv[3])"
        )
        subprocess.run(
            [sys.executable, "-I", "-c", run, arrival.__file__, places, str(place)],
            input=PACKAGE.data,
            check=True,
        )

    def lease(self, stdin: bytes) -> tuple[str, object]:
        first, answer = self.run("lease", "show", "no-group", "", "60", stdin=stdin)
        return first, json.loads(answer)["held"]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_package_comes_once(host: Host) -> None:
    assert host.lease(PACKAGE.data) == ("lacks", None)
    assert host.cache.stat().st_mode & 0o077 == 0
    assert [path.name for path in host.cache.iterdir()] == [PACKAGE.digest]
    assert host.lease(b"") == ("has", None)


def test_one_that_a_role_installed_is_enough(host: Host) -> None:
    host.installed.write_bytes(PACKAGE.data)
    assert host.lease(b"") == ("has", None)
    host.installed.unlink()
    assert host.lease(b"") == ("has", None)


def test_the_second_command_finds_bytecode(host: Host) -> None:
    host.lease(PACKAGE.data)
    kept = host.cache / PACKAGE.digest
    compiled = {path: path.stat().st_mtime_ns for path in kept.rglob("lease.*.pyc")}
    assert compiled
    host.lease(b"")
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("lease.*.pyc")} == compiled


def test_one_that_was_cut_off_is_none(host: Host) -> None:
    host.installed.write_bytes(PACKAGE.data[:1000])
    assert host.lease(PACKAGE.data) == ("lacks", None)
    assert host.lease(b"") == ("has", None)


def test_a_host_without_room_runs_the_command_all_the_same(host: Host) -> None:
    host.cache.write_text("no folder")
    assert host.lease(PACKAGE.data) == ("lacks", None)


def test_versions_that_no_command_uses_go_after_a_week(host: Host) -> None:
    host.lease(PACKAGE.data)
    kept, old, young = (host.cache / name for name in (PACKAGE.digest, "a" * 16, "b" * 16))
    for path in (old, young):
        (path / "adbray_host").mkdir(parents=True)
    (host.cache / "adbray_host-of-before.pyz").write_text("")
    for path in (kept, old, host.cache / "adbray_host-of-before.pyz"):
        os.utime(path, (1, time.time() - 8 * 86400))
    host.lease(b"")  # so it is used
    other = host.cache / ("c" * 16)
    host.unpack(other)
    assert sorted(host.cache.iterdir()) == sorted([kept, young, other])


def test_the_command_gets_what_follows_the_package(host: Host) -> None:
    wanted = b'{"group": "no-group", "node": "w-0"}'
    answer = ["lacks", '{"missing": "no record"}']
    assert host.run("clean", stdin=PACKAGE.data + wanted) == answer
    assert host.run("clean", stdin=wanted) == ["has", answer[1]]


def test_a_command_knows_the_connection_s_own_end(host: Host) -> None:
    _, answer = host.run("observe", stdin=PACKAGE.data)
    assert json.loads(answer)["facts"]["address"] == "6.7.8.9"


def test_a_package_that_is_replaced_stays_whole_for_what_runs(tmp_path: Path) -> None:
    """What a service imports late must be of the version that it began with."""
    path = tmp_path / "adbray_host.pyz"
    path.write_bytes(PACKAGE.data)
    command = [sys.executable, "-I", "-S", str(path), "clean"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1) as process:
        # It waits for what it is to read: Python's own look at the archive is over.
        opened, state = Path(f"/proc/{process.pid}/fd"), Path(f"/proc/{process.pid}/stat")
        deadline = time.monotonic() + 60
        while state.read_text().rpartition(") ")[2][0] != "S" or str(path) not in map(
            os.path.realpath, opened.iterdir()
        ):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        path.with_suffix(".new").write_bytes(b"another version")
        path.with_suffix(".new").rename(path)
        out, error = process.communicate(b'{"group": "no-group", "node": "w-0"}')
    assert (out, error) == (b'{"missing": "no record"}\n', b"")


def test_the_same_files_are_the_same_package() -> None:
    host_package.cache_clear()
    again = host_package()
    assert again == HostPackage(PACKAGE.data, PACKAGE.digest)
    assert again.data[:2] == b"PK"
