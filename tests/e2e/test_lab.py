"""The lab keeps its promises: real hosts, faults on demand, and a machine left as it was."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adbray_ctl.core.lab import lab_id
from tests.e2e.conftest import Project, run
from tests.e2e.machine import difference, machine_now

_HOST_READY = ("running", "degraded")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A directory for a lab; whatever the test leaves is removed."""
    project = Project(tmp_path)
    try:
        yield project
    finally:
        project.adbray("lab", "down")


def up(project: Project, count: int) -> None:
    project.lab_up("--hosts", str(count))


def states(project: Project) -> list[str]:
    return [host["state"] for host in project.json("lab", "status")["hosts"]]


def pid_of(project: Project, host: str) -> int:
    hosts = project.json("lab", "status")["hosts"]
    return int(next(found["pid"] for found in hosts if found["name"] == host))


def test_hosts_are_real_and_the_machine_is_left_as_it_was(project: Project) -> None:
    before = machine_now(project)
    up(project, 2)
    for command in ("cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub", "hostname"):
        assert project.on("lab1", command) != project.on("lab2", command)
    for host in ("lab1", "lab2"):
        assert project.on(host, "systemctl is-system-running") == "running"
        other = "lab1" if host == "lab2" else "lab2"
        assert project.on(host, f"ping -c 1 -W 5 {other} >/dev/null && echo reached") == "reached"
    assert (project.directory / ".adbray/lab/id_ed25519").stat().st_mode & 0o777 == 0o600
    fleet = (project.directory / "fleet.yml").read_text()
    project.ok("lab", "down")
    assert difference(before, machine_now(project)) == {}
    assert not (project.directory / ".adbray/lab").exists()
    assert (project.directory / "fleet.yml").read_text() == fleet
    assert "there was no lab here" in project.adbray("lab", "down").err


def test_up_again_adds_or_refuses(project: Project) -> None:
    up(project, 1)
    pid = pid_of(project, "lab1")
    (project.directory / "fleet.yml").write_text("# mine\n")
    again = project.adbray("lab", "up", "--hosts", "1")
    assert again.code == 0
    assert "up already" in again.err
    up(project, 2)
    assert pid_of(project, "lab1") == pid, "the first host must not notice"
    assert "lab2" in project.on("lab1", "cat /etc/hosts")
    assert (project.directory / "fleet.yml").read_text() == "# mine\n"
    smaller = project.adbray("lab", "up", "--hosts", "1")
    assert smaller.code == 3
    assert "adbray lab down" in smaller.err
    assert states(project) == ["running", "running"]
    assert project.adbray("lab", "up", "--hosts", "0").code == 2


def test_disks_in_two_hosts_at_once(project: Project) -> None:
    """As the role worker_disk makes them: a mount unit that takes the first free loop device."""
    up(project, 2)
    image = f"/var/{lab_id(str(project.directory))}.img"
    unit = f"[Mount]\\nWhat={image}\\nWhere=/srv/slot\\nType=ext4\\nOptions=loop\\n"
    for host in ("lab1", "lab2"):
        project.on(
            host,
            f"truncate -s 64M {image} && mkfs.ext4 -q {image} && mkdir -p /srv/slot && "
            f"printf '{unit}' > /etc/systemd/system/srv-slot.mount && "
            "systemctl daemon-reload && systemctl start srv-slot.mount && "
            f"hostname > /srv/slot/name && sync",
        )
    assert len(_loops_with(image)) == 2
    assert project.on("lab1", "cat /srv/slot/name") == "lab1"
    assert project.on("lab2", "cat /srv/slot/name") == "lab2"
    full = project.try_on("lab1", "dd if=/dev/zero of=/srv/slot/big bs=1M 2>&1")
    assert "No space left" in full.out
    # One more that no mount frees when its host goes.
    project.on("lab2", f"truncate -s 1M {image}.2 && losetup -f {image}.2")
    project.ok("lab", "kill", "lab2")
    assert len(_loops_with(image)) == 1
    project.ok("lab", "start", "lab2")
    assert project.on("lab2", "systemctl start srv-slot.mount; cat /srv/slot/name") == "lab2"
    project.ok("lab", "down")
    assert _loops_with(image) == []


def test_faults(project: Project) -> None:
    up(project, 2)
    project.on("lab1", "echo kept > /root/file")
    project.ok("lab", "cut", "lab2")
    assert states(project) == ["running", "cut"]
    assert project.try_on("lab1", "ping -c 1 -W 1 lab2").code != 0
    project.ok("lab", "heal", "lab2")
    _wait(lambda: project.try_on("lab1", "ping -c 1 -W 1 lab2").code == 0, "lab2 to be reached")
    project.ok("lab", "kill", "lab1")
    assert states(project) == ["stopped", "running"]
    refused = project.adbray("lab", "up", "--hosts", "2")
    assert refused.code == 3
    assert "lab1 not running" in refused.err
    project.ok("lab", "start", "lab1")
    assert project.on("lab1", "cat /root/file") == "kept"
    boot = project.on("lab1", "cut -d. -f1 /proc/1/stat | md5sum; stat -c %Z /proc/1")
    project.try_on("lab1", "systemctl reboot")
    _wait(lambda: _booted(project, "lab1"), "lab1 to come back from its reboot")
    assert project.on("lab1", "cut -d. -f1 /proc/1/stat | md5sum; stat -c %Z /proc/1") != boot
    assert project.on("lab1", "cat /root/file") == "kept"
    unknown = project.adbray("lab", "kill", "lab9")
    assert unknown.code == 2
    assert "hosts: lab1, lab2" in unknown.err


@pytest.mark.parametrize("lost", ["the state file", "the directory", "nothing"])
def test_down_after_a_crash(project: Project, lost: str) -> None:
    before = machine_now(project)
    up(project, 2)
    name = f"/var/{lab_id(str(project.directory))}.img"
    project.on("lab1", f"truncate -s 1M {name} && losetup -f {name}")
    for pid in _nspawns(project):
        os.kill(pid, signal.SIGKILL)
    _wait(lambda: not _nspawns(project), "nspawn to end")
    assert states(project) == ["running", "running"], "containers outlive their nspawn"
    if lost == "the state file":
        (project.directory / ".adbray/lab/lab.json").write_text('{"id": "')
    if lost == "the directory":
        shutil.rmtree(project.directory / ".adbray", ignore_errors=True)
    project.ok("lab", "down")
    assert difference(before, machine_now(project)) == {}
    assert _loops_with(name) == []
    up(project, 1)
    assert project.on("lab1", "hostname") == "lab1", "the key that was pinned must be forgotten"


def test_two_labs_do_not_meet(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    try:
        up(project, 1)
        up(other, 1)
        assert project.addresses["lab1"] != other.addresses["lab1"]
        project.ok("lab", "down")
        assert other.on("lab1", "hostname") == "lab1"
        assert Path("/dev/loop63").exists()
        assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"
    finally:
        other.adbray("lab", "down")


def _booted(project: Project, host: str) -> bool:
    return project.try_on(host, "systemctl is-system-running").out.strip() in _HOST_READY


def _nspawns(project: Project) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if command[0] == b"systemd-nspawn" and any(
            str(project.directory).encode() in word for word in command
        ):
            found.append(int(entry.name))
    return found


def _loops_with(image: str) -> list[str]:
    listed = run(["losetup", "--list", "--noheadings", "--output", "BACK-FILE"], timeout_s=10).out
    return [line for line in listed.splitlines() if line.startswith(image)]


def _wait(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, f"waited a minute for {what}"
        time.sleep(0.2)
