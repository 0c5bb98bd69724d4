"""Virtual machines in a lab: a kernel and disks of their own, and what containers promise."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Project
from tests.e2e.elastic import until
from tests.e2e.machine import difference, machine_now

Machine = dict[str, set[str]]

# The one enforces against root too, and says that the disk is full; the other lets root pass.
FULL = ("No space left on device", "Disk quota exceeded")
LIMIT = {
    "xfs": "xfs_quota -x -c 'project -s -p {at}/slot 42' -c 'limit -p bhard=16m 42' {at}",
    "ext4": "chattr +P -p 42 {at}/slot && setquota -P 42 0 16384 0 0 {at}",
}
DISK = "/var/lib/adbray"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Machine]]:
    """A container and a VM, and how the machine was before them."""
    project = Project(tmp_path_factory.mktemp("vm"))
    before = machine_now(project)
    try:
        up(project, "--hosts", "1", "--vm", "1")
        yield project, before
    finally:
        down = project.adbray("lab", "down")
        shutil.rmtree(project.directory, ignore_errors=True)
    assert down.code == 0, down.err


def up(project: Project, *options: str) -> None:
    began = time.monotonic()
    result = project.adbray("lab", "up", *options, timeout_s=3600)
    assert result.code == 0, result.err
    print(f"lab up {' '.join(options)}: {time.monotonic() - began:.0f} s")  # noqa: T201
    hosts = project.json("lab", "status")["hosts"]
    project.addresses = {host["name"]: host["address"] for host in hosts}


def state(project: Project, host: str) -> str:
    hosts = project.json("lab", "status")["hosts"]
    return str(next(found["state"] for found in hosts if found["name"] == host))


def pid(project: Project, host: str) -> int:
    hosts = project.json("lab", "status")["hosts"]
    return int(next(found["pid"] for found in hosts if found["name"] == host))


def stops_at_its_quota(project: Project, host: str, kind: str) -> None:
    """A folder with a project quota of 16 MiB, filled by a user without rights."""
    mount = project.on(host, f"findmnt --noheadings --output SOURCE,FSTYPE,OPTIONS {DISK}").split()
    assert mount[:2] == ["/dev/vdb", kind]
    assert "prjquota" in mount[2]
    project.on(host, f"mkdir -m 777 {DISK}/slot && {LIMIT[kind].format(at=DISK)}")
    full = project.try_on(host, f"runuser -u nobody -- dd if=/dev/zero of={DISK}/slot/f bs=1M 2>&1")
    assert any(word in full.out for word in FULL), full.out
    size = int(project.on(host, f"stat --format %s {DISK}/slot/f"))
    assert 14 * 2**20 < size <= 16 * 2**20
    project.on(host, f"dd if=/dev/zero of={DISK}/other bs=1M count=32")


def test_a_vm_has_a_kernel_of_its_own(site: tuple[Project, Machine]) -> None:
    project, _ = site
    assert project.on("vm1", "uname -r") != os.uname().release
    assert project.on("lab1", "uname -r") == os.uname().release
    controllers = project.on("vm1", "cat /sys/fs/cgroup/cgroup.controllers").split()
    assert {"cpu", "memory", "io", "pids"} <= set(controllers)
    for host, other in (("vm1", "lab1"), ("lab1", "vm1")):
        assert project.on(host, "hostname") == host
        assert project.on(host, f"ping -c 1 -W 20 {other} >/dev/null && echo reached") == "reached"


def test_the_kernel_holds_a_unit_to_its_share(site: tuple[Project, Machine]) -> None:
    project, _ = site
    unit = "systemd-run --quiet --wait --pipe --property"
    forks = "import os, time; [os.fork() or time.sleep(5) or os._exit(0) for _ in range(16)]"
    eats = "b = bytearray(300 * 2**20); print(len(b))"
    spare = project.try_on("vm1", f"{unit} MemoryMax=400M python3 -c '{eats}'")
    assert spare.out.strip() == str(300 * 2**20), spare.err
    assert project.try_on("vm1", f"{unit} MemoryMax=100M python3 -c '{eats}'").code != 0
    assert project.try_on("vm1", f"{unit} TasksMax=64 python3 -c '{forks}'").code == 0
    assert project.try_on("vm1", f"{unit} TasksMax=8 python3 -c '{forks}'").code != 0


def test_xfs_quota(site: tuple[Project, Machine]) -> None:
    stops_at_its_quota(site[0], "vm1", "xfs")


def test_faults(site: tuple[Project, Machine]) -> None:
    project, _ = site
    project.on("vm1", f"echo kept | tee /root/file {DISK}/file && sync")
    project.ok("lab", "cut", "vm1")
    assert state(project, "vm1") == "cut"
    assert project.try_on("lab1", "ping -c 1 -W 2 vm1").code != 0
    project.ok("lab", "heal", "vm1")
    until(lambda: project.try_on("lab1", "ping -c 1 -W 2 vm1").code == 0, 60)
    boot = project.on("vm1", "cat /proc/sys/kernel/random/boot_id")
    project.ok("lab", "kill", "vm1")
    assert state(project, "vm1") == "stopped"
    project.ok("lab", "start", "vm1")
    assert project.on("vm1", "cat /proc/sys/kernel/random/boot_id") != boot
    assert project.on("vm1", f"cat /root/file {DISK}/file").split() == ["kept", "kept"]
    qemu = pid(project, "vm1")
    project.ok("lab", "start", "vm1")
    assert pid(project, "vm1") == qemu, "what runs is left alone"


def test_a_second_vm_with_another_disk(site: tuple[Project, Machine]) -> None:
    project, _ = site
    up(project, "--hosts", "1", "--vm", "2", "--vm-disk", "ext4")
    assert project.addresses["vm2"] in project.on("vm1", "cat /etc/hosts")
    stops_at_its_quota(project, "vm2", "ext4")
    disk = project.directory / ".adbray/lab/hosts/vm2/root.qcow2"
    assert disk.stat().st_blocks * 512 < 200 * 2**20, "a second VM writes only what differs"


def test_down_after_a_crash_leaves_nothing(site: tuple[Project, Machine]) -> None:
    project, before = site
    os.kill(pid(project, "vm2"), signal.SIGKILL)
    until(lambda: state(project, "vm2") == "stopped", 10)
    (project.directory / ".adbray/lab/lab.json").write_text('{"id": "')
    project.ok("lab", "down")
    assert difference(before, machine_now(project)) == {}
    assert not (project.directory / ".adbray/lab").exists()
