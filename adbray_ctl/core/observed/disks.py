"""When a disk is too full to work with, and what the status says of it."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.observed.hosts import HostObservation
from adbray_ctl.core.observed.units import ObservedSlot
from adbray_ctl.core.slot.disks import DATA, DiskUse, FileSystem, carrier

# Ray makes no more objects at 95 %; nothing else works where a few MiB are left.
NO_ROOM = 0.98
# Of a host: records and secrets, environments, Redis' log and units' state are written there.
WRITTEN = ("/", "/etc/adbray", "/opt/adbray", DATA, "/var/lib/adbray-usage", "/var/log")
LEAST_GB = 0.05
LEAST_FILES = 100


def full_slot(slot: ObservedSlot) -> str:
    """Why the slot's disks take nothing any more; nothing while they do."""
    return "; ".join(_full(use, slot) for use in slot.disks if _is_full(use))


def _is_full(use: DiskUse) -> bool:
    return use.read_only or use.share >= NO_ROOM


def _full(use: DiskUse, slot: ObservedSlot) -> str:
    clean = f"`adbray clean {slot.record.group} {slot.record.slot}`"
    if use.read_only:
        return f"its disk {use.path} is read-only: `dmesg` on its host says why"
    what = f"{max(use.size_mb - use.used_mb, 0)} of {use.size_mb} MiB free"
    if use.files_share >= NO_ROOM:
        what = f"{use.files_share:.0%} of its files are in use"
    most = f"; largest: {', '.join(use.largest)}" if use.largest else ""
    return f"its disk {use.path} is full, {what}{most}; {clean} frees what may be freed"


def full_hosts(host: HostObservation) -> Iterator[str]:
    """The host's own file systems that take nothing any more."""
    if host.facts is None:
        return
    places: dict[str, tuple[FileSystem, list[str]]] = {}
    for path in WRITTEN:
        one = carrier(path, host.facts.file_systems)
        if one is not None:
            places.setdefault(one.point, (one, []))[1].append(path)
    for one, paths in places.values():
        why = _lacks(one)
        if why:
            yield f"{host.host}: the file system at {one.point} {why}; it holds {', '.join(paths)}"


def _lacks(one: FileSystem) -> str:
    if one.read_only:
        return "is read-only"
    if one.total_gb and one.free_gb < min(LEAST_GB, one.total_gb * (1 - NO_ROOM)):
        return f"is full ({one.free_gb * 1024:.0f} MiB free)"
    if one.free_files is not None and one.free_files < LEAST_FILES:
        return f"is almost out of inodes ({one.free_files} left)"
    return ""
