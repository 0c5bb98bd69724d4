"""What lies on a node's disk, and what was freed of it."""

from __future__ import annotations

from collections.abc import Sequence

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.core.observed.cleaning import DiskItem, May, NodeDisk, Room
from adbray_ctl.core.text import size

_MOST = 30
_MAY = {
    May.FREE: ("may be freed", "green"),
    May.ASK: ("removed only if you confirm", "yellow"),
    May.KEEP: ("stays", "dim"),
}


def print_disk(disk: NodeDisk) -> None:
    """How full it is, and a row for each part."""
    say(f"{disk.path} on {disk.host}: {_full(disk.before)}")
    print_items(disk.items)


def print_items(items: Sequence[DiskItem]) -> None:
    table = Table("size", "files", "what", "where", "")
    for item in items[:_MOST]:
        may = Text(*_MAY[item.may])
        if item.why:
            may.append(f": {item.why}", "dim")
        table.add(size(item.bytes), str(item.files), item.what, item.path, may)
    say(table if items else "nothing")
    if len(items) > _MOST:
        say(f"and {len(items) - _MOST} more; --json shows all")


def print_freed(disk: NodeDisk) -> None:
    """What went, what did not, and how full the disk is now."""
    for item in disk.items:
        part = f"{item.what}: {item.path}"
        if item.error:
            say(Text(f"! not freed: {part}: {item.error}", "red"))
        else:
            say(f"freed {size(item.bytes)}, {part}")
    freed = size(max(disk.after.free - disk.before.free, 0))
    say(f"{disk.path} on {disk.host}: {freed} freed, now {_full(disk.after)}")


def _full(room: Room) -> str:
    files = f", {room.files_free} files free" if room.files else ""
    return f"{int(room.used_share * 100)} % full, {size(room.free)} free{files}"
