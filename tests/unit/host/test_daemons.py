"""Ray's daemons as a node's supervisor sees them: real processes, named as Ray's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]

# Stands for `ray start`: leaves two daemons that write down when they are asked to end, for which
# they have as long as the last word says.
_PROGRAM = """
import os, subprocess, sys
from adbray_host.start import daemons

def start():
    for name in ("gcs_server", "raylet"):
        subprocess.Popen([sys.argv[1] + "/" + name, sys.argv[1] + "/daemon.sh", name])
    return int(sys.argv[2])

daemons._STOP_S = float(sys.argv[3])
sys.exit(daemons.watch(start))
"""
_DAEMON = """
trap 'echo "$1" >> "${0%/*}/ended"; exit 0' TERM
echo $$ > "${0%/*}/$1.pid"
while :; do sleep 0.05; done
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "daemon.sh").write_text(_DAEMON)
    for name in ("gcs_server", "raylet"):
        shutil.copy("/bin/dash", tmp_path / name)
    yield tmp_path
    for file in tmp_path.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGKILL)


def begin(folder: Path, status: int = 0, stop_s: float = 60) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(folder), str(status), str(stop_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )


def pid_of(folder: Path, name: str) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError, ValueError):
            return int((folder / f"{name}.pid").read_text())
        time.sleep(0.02)
    raise AssertionError(f"{name} has not started")


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def await_adoption(watcher: subprocess.Popen[str], pid: int) -> None:
    """Until the starter has ended, and the daemon is the watcher's."""
    deadline = time.monotonic() + 60
    while f"PPid:\t{watcher.pid}\n" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def await_deafness(watcher: subprocess.Popen[str]) -> None:
    """Until it ignores SIGTERM: it says what ended a moment before."""
    deadline = time.monotonic() + 60
    while True:
        status = Path(f"/proc/{watcher.pid}/status").read_text()
        (ignored,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigIgn"))
        if int(ignored, 16) >> (signal.SIGTERM - 1) & 1:
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_daemon_that_fails_ends_the_node(folder: Path) -> None:
    watcher = begin(folder)
    raylet, gcs = pid_of(folder, "raylet"), pid_of(folder, "gcs_server")
    await_adoption(watcher, raylet)
    os.kill(raylet, signal.SIGKILL)
    out, _ = watcher.communicate(timeout=60)
    assert watcher.returncode == 1
    assert "raylet ended with -9" in out
    assert not runs(gcs)


def test_a_daemon_that_was_asked_to_end_does_not(folder: Path) -> None:
    watcher = begin(folder)
    raylet, gcs = pid_of(folder, "raylet"), pid_of(folder, "gcs_server")
    await_adoption(watcher, gcs)
    os.kill(raylet, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while runs(raylet):
        assert time.monotonic() < deadline, "it is not reaped"
        time.sleep(0.02)
    with pytest.raises(subprocess.TimeoutExpired):
        watcher.wait(0.2)
    assert runs(gcs)
    watcher.terminate()
    watcher.communicate(timeout=60)
    assert not runs(gcs)


def test_the_raylet_is_asked_first_to_end(folder: Path) -> None:
    watcher = begin(folder)
    raylet, gcs = pid_of(folder, "raylet"), pid_of(folder, "gcs_server")
    await_adoption(watcher, raylet)
    watcher.terminate()
    watcher.communicate(timeout=60)
    assert watcher.returncode == 0
    assert (folder / "ended").read_text().split() == ["raylet", "gcs_server"]
    assert not runs(raylet)
    assert not runs(gcs)


def test_a_start_that_fails_leaves_nothing(folder: Path) -> None:
    watcher = begin(folder, status=3)
    watcher.communicate(timeout=60)
    assert watcher.returncode == 3
    for file in folder.glob("*.pid"):
        assert not runs(int(file.read_text()))


def test_a_stop_while_a_failed_node_ends_changes_nothing(folder: Path) -> None:
    # So long it takes to end one that does not answer.
    watcher = begin(folder, stop_s=1)
    raylet, gcs = pid_of(folder, "raylet"), pid_of(folder, "gcs_server")
    await_adoption(watcher, raylet)
    os.kill(gcs, signal.SIGSTOP)
    os.kill(raylet, signal.SIGKILL)
    assert watcher.stdout is not None
    assert "raylet ended" in watcher.stdout.readline()
    await_deafness(watcher)
    watcher.terminate()
    _, err = watcher.communicate(timeout=60)
    assert (watcher.returncode, err) == (1, "")
    assert not runs(gcs)
