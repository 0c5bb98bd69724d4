"""What lies on a node's disk, and what was freed of it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from adbray_ctl.cli.render.tables import make_console, plain_table
from adbray_ctl.core.cleaning import DiskItem, May, NodeDisk, Room

_MOST = 30
_MAY = {
    May.FREE: Text("may be freed", "green"),
    May.ASK: Text("is freed when you say so", "yellow"),
    May.KEEP: Text("stays", "dim"),
}


def print_disk(disk: NodeDisk) -> None:
    """How full it is, and a row for each part."""
    console = make_console()
    console.print(Text(f"{disk.path} on {disk.host}: {_full(disk.before)}"), soft_wrap=True)
    print_items(disk.items)


def print_items(items: Sequence[DiskItem]) -> None:
    table = plain_table("size", "files", "what", "where", "")
    for item in items[:_MOST]:
        may = _MAY[item.may].copy()
        if item.why:
            may.append(f": {item.why}", "dim")
        table.add_row(size(item.bytes), str(item.files), item.what, Text(item.path), may)
    console = make_console()
    console.print(table if items else "nothing")
    if len(items) > _MOST:
        console.print(f"and {len(items) - _MOST} more; --json shows all")


def print_freed(disk: NodeDisk) -> None:
    """What went, what did not, and how full the disk is now."""
    console = make_console()
    for item in disk.items:
        told = f"{item.what}: {item.path}"
        if item.error:
            console.print(Text(f"! not freed: {told}: {item.error}", "red"), soft_wrap=True)
        else:
            console.print(Text(f"freed {size(item.bytes)}, {told}"), soft_wrap=True)
    freed = size(max(disk.after.free - disk.before.free, 0))
    console.print(Text(f"{disk.path} on {disk.host}: {freed} freed, now {_full(disk.after)}"))


def _full(room: Room) -> str:
    files = f", {room.files_free} files free" if room.files else ""
    return f"{int(room.used_share * 100)} % full, {size(room.free)} free{files}"


def size(count: int) -> str:
    """Bytes for people."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"
