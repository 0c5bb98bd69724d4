"""Status, plans and jobs as tables and JSON on standard output."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import click
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adbray_ctl.core.disks import FULL
from adbray_ctl.core.jobs import Job
from adbray_ctl.core.lab import LabStatus
from adbray_ctl.core.status import Addresses, GroupStatus, SlotStatus, State

_STATE_STYLES = {
    State.RUNNING: "green",
    State.STARTING: "yellow",
    State.PREPARED: "dim",
    State.STANDBY: "cyan",
    State.FAILED: "bold red",
    State.UNKNOWN: "bold red",
}


def print_json(value: BaseModel | Sequence[BaseModel] | dict[str, Any]) -> None:
    """One JSON text on standard output, for scripts."""
    if isinstance(value, BaseModel):
        data: Any = value.model_dump(mode="json")
    elif isinstance(value, dict):
        data = value
    else:
        data = [item.model_dump(mode="json") for item in value]
    click.echo(json.dumps(data, indent=2))


def print_status(status: GroupStatus) -> None:
    """One group: a row for each slot, then addresses and problems."""
    console = make_console()
    running = status.count(State.RUNNING)
    verdict = Text("ready", "green") if status.ready else Text("not ready", "bold red")
    title = Text.assemble(("group ", "bold"), (status.group, "bold"), ": ", verdict)
    console.print(title.append(f", {running} of {len(status.slots)} slots running"))
    if status.slots:
        console.print(_status_table(status.slots))
    if status.addresses is not None:
        print_addresses(status.addresses)
    if status.protection is not None:
        told = f"{status.protection.level}: {status.protection.why}"
        console.print(Text("protected ", "dim").append(told, "default"), soft_wrap=True)
    for problem in status.problems:
        console.print(Text(f"! {problem}", style="red"), soft_wrap=True)
    for line in status.scaling.lines() if status.scaling else ():
        console.print(Text(f"scaling: {line}", style="yellow"), soft_wrap=True)


def print_addresses(addresses: Addresses) -> None:
    """The group's addresses, one a line."""
    console = make_console()
    shown = {name: value for name, value in addresses.model_dump().items() if value is not None}
    width = max(len(name) for name in shown) + 1
    for name, value in shown.items():
        console.print(Text(f"{name:<{width}}", "dim").append(value, "default"), soft_wrap=True)


def print_jobs(jobs: Sequence[Job]) -> None:
    """Jobs, newest first."""
    table = plain_table("job", "status", "started", "seconds", "entrypoint")
    for job in jobs:
        table.add_row(job.id, job.status, when(job.started_at), _duration(job), job.entrypoint)
    make_console().print(table if table.row_count else "no jobs")


def print_lab(status: LabStatus) -> None:
    """The lab's hosts."""
    table = plain_table("host", "address", "kind", "state")
    for host in status.hosts:
        table.add_row(host.name, host.address, host.kind, host.state)
    make_console().print(table if status.hosts else f"no lab in {status.directory}")


def _status_table(slots: Sequence[SlotStatus]) -> Table:
    # A group without cards needs no column for them.
    gpu = ["gpu"] if any(slot.gpu for slot in slots) else []
    columns = ("slot", "host", "size", "cpu", "memory", "disk", *gpu, "state", "ports")
    table = plain_table(*columns)
    for slot in slots:
        state = Text(slot.state, _STATE_STYLES[slot.state])
        if slot.detail:
            state.append(f" ({slot.detail})", "dim")
        table.add_row(
            slot.slot,
            f"{slot.host} {slot.address}",
            slot.size or "-",
            str(slot.cpus or "-"),
            f"{slot.memory_mb / 1024:g} GiB",
            _disk(slot),
            *[slot.gpu or "-" for _ in gpu],
            state,
            _ports(slot.ports),
        )
    return table


def _disk(slot: SlotStatus) -> Text:
    text = Text(f"{slot.disk_gb} GiB" if slot.disk_gb else "-")
    if slot.disk_used is not None and slot.disk_used > FULL:
        # Rounded down: 100 % is said of what takes nothing any more.
        text.append(f", {int(slot.disk_used * 100)} % full", "red")
    return text


def _ports(ports: dict[str, int]) -> str:
    wellknown = [str(ports[n]) for n in ("gcs", "dashboard", "client", "redis") if n in ports]
    if "worker_max" in ports:
        block = [v for k, v in ports.items() if k not in ("gcs", "dashboard", "client")]
        wellknown.append(f"{min(block)}-{max(block)}")
    return " ".join(wellknown)


def plain_table(*columns: str) -> Table:
    """A table without lines, the same everywhere."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def make_console() -> Console:
    """Standard output: coloured and cut to its width on a terminal alone."""
    console = Console(highlight=False)
    # Piped output is for grep and files: never cut to a terminal's width nobody has.
    return console if console.is_terminal else Console(highlight=False, width=200)


def when(seconds: float | None) -> str:
    """A time of day here, from seconds since the epoch."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else "-"


def _duration(job: Job) -> str:
    if job.started_at is None:
        return "-"
    return f"{(job.ended_at or time.time()) - job.started_at:.1f}"
