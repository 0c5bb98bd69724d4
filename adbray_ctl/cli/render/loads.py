"""What slots use, as a table."""

from __future__ import annotations

from adbray_ctl.cli.render.screen import Table, Text
from adbray_ctl.core.observed.loads import Loads, SlotLoad

_MUCH, _MOST = 0.85, 0.95


def loads_table(loads: Loads, *, groups: bool) -> tuple[Table | Text, ...]:
    """A row for each slot, then the hosts without an answer."""
    columns = ("cpu", "memory", "objects", "spilled", "disk", "restarts")
    table = Table(*(["group"] if groups else []), "node", "host", *columns)
    for slot in loads.slots:
        _add(table, slot, groups=groups)
    problems = [Text(f"! {problem}", "red") for problem in loads.problems]
    return (table if loads.slots else Text("nothing stands here"), *problems)


def _add(table: Table, slot: SlotLoad, *, groups: bool) -> None:
    cores = "-" if slot.cores is None else f"{slot.cores:.2f} of {slot.cpus}"
    table.add(
        *([slot.group] if groups else []),
        Text(slot.slot, "" if slot.runs else "dim"),
        slot.host,
        _shaded(cores, slot.cpu_share),
        _shaded(_of(slot.memory, slot.memory_limit), slot.memory_share),
        _size(slot.objects),
        _size(slot.spilled or None),
        _shaded(_of(slot.disk, slot.disk_size), slot.disk_share),
        str(slot.restarts or "-"),
    )


def _shaded(text: str, share: float | None) -> Text:
    if share is None:
        return Text(text, "dim")
    style = "red" if share > _MOST else "yellow" if share > _MUCH else ""
    return Text(f"{text}, {share:.0%}", style)


def _of(used: int | None, size: int | None) -> str:
    return "-" if used is None or size is None else f"{_size(used)} of {_size(size)}"


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
