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
    " here['main'].__globals__['FOLDERS'] = json.loads(sys.argv[2]); here['main'](sys.argv[3:])"
)
PACKAGE = host_package()


class Host:
    """A host that has packages in these folders, of which the last is one that it makes."""

    def __init__(self, base: Path) -> None:
        self.installed, self.cache = base / "lib", base / "run"
        self.installed.mkdir()

    def lease(self, stdin: bytes) -> tuple[str, object]:
        """Whether it has the package, and what a command answers."""
        folders = json.dumps([str(self.installed), str(self.cache)])
        words = (PACKAGE.digest, str(len(PACKAGE.data)), "lease", "show", "no-group", "", "60")
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", RUN, arrival.__file__, folders, *words, "a 1 b 2"],
            input=stdin,
            capture_output=True,
            check=True,
        )
        first, answer = done.stdout.decode().splitlines()
        return first, json.loads(answer)["held"]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_package_comes_once(host: Host) -> None:
    assert host.lease(PACKAGE.data) == ("lacks", None)
    assert (host.cache / PACKAGE.name).read_bytes() == PACKAGE.data
    assert host.cache.stat().st_mode & 0o077 == 0
    assert host.lease(b"") == ("has", None)


def test_one_that_a_role_installed_is_enough(host: Host) -> None:
    (host.installed / PACKAGE.name).write_bytes(PACKAGE.data)
    assert host.lease(b"") == ("has", None)
    assert not host.cache.exists()


def test_one_that_was_cut_off_is_none(host: Host) -> None:
    (host.installed / PACKAGE.name).write_bytes(PACKAGE.data[:1000])
    assert host.lease(PACKAGE.data) == ("lacks", None)
    assert host.lease(b"") == ("has", None)


def test_a_host_without_room_runs_the_command_all_the_same(host: Host) -> None:
    host.cache.write_text("no folder")
    assert host.lease(PACKAGE.data) == ("lacks", None)


def test_other_versions_go_after_a_day_but_not_from_under_a_process(host: Host) -> None:
    host.cache.mkdir()
    old, used, young = (host.cache / (arrival.NAME % (letter * 16)) for letter in "abc")
    for path in (old, used, young):
        path.write_text("")
    for path in (old, used):
        os.utime(path, (1, time.time() - 2 * 86400))
    with subprocess.Popen([sys.executable, "-c", "input()", str(used)], stdin=-1) as process:
        host.lease(PACKAGE.data)
        process.communicate(b"\n")
    assert (old.exists(), used.exists(), young.exists()) == (False, True, True)


def test_the_command_gets_what_follows_the_package_and_the_address(tmp_path: Path) -> None:
    host = Host(tmp_path)
    words = (PACKAGE.digest, str(len(PACKAGE.data)), "clean", "1.2.3.4 5 6.7.8.9 22")
    folders = json.dumps([str(host.installed), str(host.cache)])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN, arrival.__file__, folders, *words],
        input=PACKAGE.data + b'{"group": "no-group", "node": "w-0"}',
        capture_output=True,
        check=True,
    )
    assert done.stdout == b'lacks\n{"missing": "no record"}\n'


def test_the_same_files_are_the_same_package() -> None:
    host_package.cache_clear()
    again = host_package()
    assert again == HostPackage(PACKAGE.data, PACKAGE.digest)
    assert again.data[:2] == b"PK"
