"""Status, jobs and the lab as tables on standard output."""

from __future__ import annotations

import time
from collections.abc import Sequence

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.core.jobs.job import Job
from adbray_ctl.core.lab import LabStatus
from adbray_ctl.core.observed.slots import SlotState, SlotStatus
from adbray_ctl.core.observed.status import Addresses, GroupStatus
from adbray_ctl.core.slot.disks import FULL
from adbray_ctl.core.slot.ports import HEAD_PORTS, SERVE_PORTS

_STATE_STYLES = {
    SlotState.RUNNING: "green",
    SlotState.STARTING: "yellow",
    SlotState.PREPARED: "dim",
    SlotState.STOPPED: "bold red",
    SlotState.STANDBY: "cyan",
    SlotState.FAILED: "bold red",
    SlotState.UNKNOWN: "bold red",
}


def print_status(status: GroupStatus) -> None:
    """One group: a row for each slot, then addresses and problems."""
    running = status.count(SlotState.RUNNING)
    verdict = Text("ready", "green") if status.ready else Text("not ready", "bold red")
    where = ""
    if not status.complete:
        where = " on the hosts that answer"
        verdict = Text("not all of it is seen", "yellow") if status.ready else verdict
    title = Text(f"group {status.group}", "bold").append(": ").append(verdict)
    say(title.append(f", {running} of {len(status.slots)} slots running{where}"))
    if status.slots:
        say(_status_table(status.slots))
    if status.addresses is not None:
        print_addresses(status.addresses)
    if status.protection is not None:
        level = f"{status.protection.level}: {status.protection.why}"
        say(Text("protected ", "dim").append(level))
    if status.slots and status.lacking:
        say(Text(f"! not ready: {'; '.join(status.lacking)}", "red"))
    for problem in status.problems:
        say(Text(f"! {problem}", "red"))
    if status.uploads is not None and status.uploads.line:
        say(Text(f"uploads: {status.uploads.line}", "yellow"))
    for line in status.scaling.lines() if status.scaling else ():
        say(Text(f"scaling: {line}", "yellow"))


def print_addresses(addresses: Addresses) -> None:
    """The group's addresses, one a line."""
    shown = {name: value for name, value in addresses.model_dump().items() if value is not None}
    width = max(len(name) for name in shown) + 1
    for name, value in shown.items():
        say(Text(f"{name:<{width}}", "dim").append(value))


def print_jobs(jobs: Sequence[Job]) -> None:
    """Jobs, newest first."""
    table = Table("job", "status", "started", "seconds", "entrypoint")
    for job in jobs:
        table.add(job.id, job.status, when(job.started_at), _duration(job), job.entrypoint)
    say(table or "no jobs")


def print_lab(status: LabStatus) -> None:
    """The lab's hosts."""
    table = Table("host", "address", "kind", "state")
    for host in status.hosts:
        table.add(host.name, host.address, host.kind, host.state)
    say(table if status.hosts else f"no lab in {status.directory}")


def _status_table(slots: Sequence[SlotStatus]) -> Table:
    # A group without cards needs no column for them.
    gpu = ["gpu"] if any(slot.gpu for slot in slots) else []
    columns = ("slot", "host", "size", "cpu", "memory", "disk", *gpu, "state", "ports")
    table = Table(*columns)
    for slot in slots:
        state = Text(slot.state, _STATE_STYLES[slot.state])
        if slot.detail:
            state.append(f" ({slot.detail})", "dim")
        table.add(
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
    wellknown = [str(ports[n]) for n in (*HEAD_PORTS, "redis") if n in ports]
    if "worker_max" in ports:
        block = [v for k, v in ports.items() if k not in (*HEAD_PORTS, *SERVE_PORTS)]
        wellknown.append(f"{min(block)}-{max(block)}")
    return " ".join(wellknown)


def when(seconds: float | None) -> str:
    """A time of day here, from seconds since the epoch."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else "-"


def _duration(job: Job) -> str:
    if job.started_at is None:
        return "-"
    ended = job.ended_at or time.time()  # noqa: TID251 - one that runs counts up to now
    return f"{ended - job.started_at:.1f}"
