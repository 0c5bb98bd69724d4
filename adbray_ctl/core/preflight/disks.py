"""Judges a host's disks: room for slots and runtimes, and what keeps each slot to its size."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject
from adbray_ctl.core.preflight.fixes import Fix
from adbray_ctl.core.preflight.readings import Check, DiskReading
from adbray_ctl.core.slot.disks import Backend, DiskPlace, FileSystem, choose

# A runtime takes 1 GiB for Ray itself, and as much again while it is unpacked.
_RUNTIME_GB = 2
# Files of one runtime, with room.
_RUNTIME_INODES = 100_000
# Package of each program that makes or grows a slot's disk.
_PACKAGES = {
    "mkfs.ext4": "e2fsprogs",
    "resize2fs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "losetup": "mount",
    "findmnt": "util-linux",
    "mount": "mount",
    "systemctl": "systemd",
}
_GONE_AT_BOOT = ("tmpfs", "ramfs")
_OVER_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs")


def disk(of: Subject) -> Iterator[Finding]:
    """Space and file system for slots and runtimes, and the programs that make slots' disks."""
    missing = of.readings.system.missing_tools
    if missing:
        packages = sorted({_PACKAGES.get(tool, tool) for tool in missing})
        yield of.finding(
            Check.DISK,
            FindingState.FAIL,
            f"not installed: {', '.join(missing)}",
            expected="the programs that make and mount a slot's disk",
            remedy=f"install {', '.join(packages)}",
        )
    data, needs = of.readings.data_disk, of.needs
    least = of.fleet.limits.disk_gb.min
    expected = f"{least} GiB free for one slot, on a local disk"
    if needs is not None and needs.disk_gb:
        least = needs.disk_gb
        expected = f"{least} GiB free for new slots of group {needs.group}, on a local disk"
    elif needs is not None and needs.placed:
        least, expected = 0, "a local disk; every slot's is there already"
    yield _space(of, data, least=least, expected=expected)
    if of.readings.spill_disk is not None:
        yield _space(of, of.readings.spill_disk, least=least, expected=expected)
    for place in _places(of):
        yield _backend(of, place)
    yield _runtime_space(of, of.readings.runtime_disk)


def _places(of: Subject) -> tuple[DiskPlace | str, ...]:
    """How new slots' disks are kept here, and those of spilled objects; or why they cannot be."""
    asked = of.fleet.disk_of(of.host.name)
    read = [(asked.path, of.readings.data_disk)]
    if asked.spill_path is not None and of.readings.spill_disk is not None:
        read.append((asked.spill_path, of.readings.spill_disk))
    return tuple(choose(path, asked.asked, _file_system(reading)) for path, reading in read)


def _file_system(reading: DiskReading) -> FileSystem:
    return FileSystem(
        point=reading.point or reading.path,
        device="",
        kind=reading.file_system,
        project_quota=reading.project_quota,
    )


def _backend(of: Subject, place: DiskPlace | str) -> Finding:
    expected = "a way to keep each slot's disk to its size"
    if isinstance(place, str):
        remedy = "mount it with prjquota, or set disk.backend of this host to auto in fleet.yml"
        return of.finding(Check.DISK, FindingState.FAIL, place, expected=expected, remedy=remedy)
    found = f"slots' disks below {place.path} by {place.backend}: {place.reason}"
    return of.finding(Check.DISK, FindingState.OK, found, expected=expected)


def _space(of: Subject, data: DiskReading, *, least: int, expected: str) -> Finding:
    found = f"{data.free_gb:.0f} of {data.total_gb:.0f} GiB free, {data.file_system}, {data.path}"
    state, remedy = FindingState.OK, ""
    if data.read_only:
        state, found = FindingState.FAIL, f"{found}, read-only"
        remedy = f"mount {data.path} for writing"
    elif data.file_system in _GONE_AT_BOOT:
        state, remedy = FindingState.FAIL, "mount a disk at /var/lib/adbray: this one is memory"
    elif data.free_gb < least:
        needed = of.needs is not None and of.needs.disk_gb > 0
        state = FindingState.FAIL if needed else FindingState.WARN
        remedy = "free some space, or mount a larger disk at /var/lib/adbray"
    elif data.file_system in _OVER_NETWORK:
        state, remedy = (
            FindingState.WARN,
            "mount a local disk at /var/lib/adbray: spilling needs one",
        )
    return of.finding(Check.DISK, state, found, expected=expected, remedy=remedy)


def _runtime_space(of: Subject, runtime: DiskReading) -> Finding:
    inodes = runtime.free_inodes
    found = f"{runtime.free_gb:.0f} GiB free, {runtime.path}"
    state, remedy = FindingState.OK, ""
    if runtime.read_only:
        state, found = FindingState.FAIL, f"{found}, read-only"
        remedy = f"mount {runtime.path} for writing"
    elif runtime.free_gb < _RUNTIME_GB:
        state, remedy = FindingState.WARN, "free some space, or mount a larger disk at /opt/adbray"
    elif inodes is not None and inodes < _RUNTIME_INODES:
        state, found = FindingState.WARN, f"{found}, {inodes} inodes left"
        remedy = "remove some files, or mount another disk at /opt/adbray"
    expected = f"{_RUNTIME_GB} GiB free for a Ray runtime"
    return of.finding(Check.DISK, state, found, expected=expected, remedy=remedy)


def loop(of: Subject) -> Iterator[Finding]:
    """Loop devices, which make a slot's disk a fixed size on any file system."""
    expected = "loop devices: they give each slot a disk of its own size"
    places = [place for place in _places(of) if isinstance(place, DiskPlace)]
    if places and all(place.backend is not Backend.LOOP for place in places):
        yield of.finding(
            Check.LOOP, FindingState.OK, "not needed: disks are kept by quota", expected=expected
        )
    elif of.readings.loop.ready:
        yield of.finding(
            Check.LOOP, FindingState.OK, "/dev/loop-control is there", expected=expected
        )
    elif of.readings.loop.loadable:
        yield of.finding(
            Check.LOOP,
            FindingState.FAIL,
            "the loop module is not loaded",
            expected=expected,
            remedy="run `modprobe loop`, and name it in /etc/modules-load.d",
            fix=Fix.LOOP_MODULE,
        )
    else:
        remedy = "install the modules of the running kernel, or reboot into a new one"
        if of.readings.system.container:
            remedy = "hand /dev/loop-control and loop devices to this container"
        found = "no loop devices, and no module for the running kernel"
        yield of.finding(Check.LOOP, FindingState.FAIL, found, expected=expected, remedy=remedy)
