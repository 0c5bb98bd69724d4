"""Boot a host into its GPU driver, as a step of an apply, and wait until it is back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.events import Note
from adbray_ctl.core.inventory.scope import Scope
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation
from adbray_ctl.core.plan.hosts import in_the_way
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.nodes import drain_and_stop
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools

# Servers with much memory take minutes before their kernel begins.
_BACK_WITHIN_S = 1200.0
_POLL_S = 2.0
# How long workers are kept from their autoscalers, drains aside; when an apply fails it ends so.
_HELD_S = 3600.0


@contextmanager
def booted(tools: Tools, prepared: Prepared, step: Step, report: Report) -> Iterator[None]:
    """Install what the driver needs on the step's host, and boot it if that is needed still.

    All workers there, of whichever group, are drained before, and kept from their autoscalers until
    the block, which brings back the step's own, is over. Raises RunError, and HostError when the
    host does not come back in time, asks for a boot again, or has another driver all the same.
    """
    fleet, (host,) = prepared.fleet, step.hosts
    held = _empty(tools, prepared, host, report)
    inventory = tools.inventories.path(prepared.spec.name)
    tools.runner.run("site", inventory, report, Scope(hosts=(host,), roles=step.first))
    _, facts = _look(tools, fleet, host)
    boots = bool(facts.gpu.reboot)
    if boots:
        # Drivers take long to build: what keeps the workers may have run out.
        _empty(tools, prepared, host, report)
        _boot(tools, fleet, host, facts.boot, report)
        # Which the boot has ended in any case.
        held = _empty(tools, prepared, host, report)
        _, facts = _look(tools, fleet, host)
    else:
        report(Note(text=f"{host} need not boot"))
    _require_driver(fleet, host, facts, boots=boots)
    yield
    for group, slots in held.items():
        tools.nodes.release(fleet, group, {host: slots})


def _require_driver(fleet: Fleet, host: str, facts: HostFacts, *, boots: bool) -> None:
    if boots and facts.gpu.reboot:
        raise HostError(
            f"it has booted, and would have to again: {facts.gpu.reboot}",
            where=host,
            hint="look there at `journalctl -b -k` and `dkms status`",
        )
    wanted = fleet.gpu_of(host)
    why = in_the_way(wanted, facts.gpu) if wanted else ""
    if why:
        raise HostError(
            f"its driver was installed{' and it has booted' if boots else ''}, and still {why}",
            where=host,
            hint="look there at `dkms status`, and at what `modinfo nvidia` finds",
        )


def _empty(tools: Tools, prepared: Prepared, host: str, report: Report) -> Mapping[str, list[str]]:
    """Keep all workers on ``host`` from their autoscalers, and drain those that run.

    Gives the kept, by group.
    """
    fleet, within_s = prepared.fleet, prepared.spec.drain_timeout_s
    seen, _ = _look(tools, fleet, host)
    held = _workers(slot.record for slot in seen.slots)
    for group, slots in held.items():
        tools.nodes.hold(fleet, group, {host: slots}, within_s + _HELD_S)
    # Any may have been started until now.
    seen, _ = _look(tools, fleet, host)
    for group, slots in _workers(seen.running()).items():
        nodes = [(slot, host) for slot in slots]
        drain_and_stop(tools, fleet, group, nodes, within_s, report)
    return held


def _workers(records: Iterable[SlotRecord]) -> dict[str, list[str]]:
    """The workers among ``records``, by group."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.kind is SlotKind.WORKER:
            found.setdefault(record.group, []).append(record.slot)
    return found


def _boot(tools: Tools, fleet: Fleet, host: str, before: str, report: Report) -> None:
    report(Note(text=f"booting {host}"))
    began = tools.clock.now()
    tools.nodes.boot(fleet, host)
    while True:
        tools.clock.sleep(_POLL_S)
        seen = tools.hosts.observe(fleet, (host,)).host(host)
        if seen.facts is not None and seen.facts.boot != before:
            report(Note(text=f"{host} is back after {tools.clock.now() - began:.0f} s"))
            return
        if tools.clock.now() - began > _BACK_WITHIN_S:
            why = seen.error or "it has not gone down"
            what = f"does not come back within {_BACK_WITHIN_S:.0f} s: {why}"
            raise HostError(what, where=host, hint="look at its console, then apply again")


def _look(tools: Tools, fleet: Fleet, host: str) -> tuple[HostObservation, HostFacts]:
    seen = tools.hosts.observe(fleet, (host,)).host(host)
    if seen.facts is None:
        raise HostError(seen.error or "no answer", where=host, hint="apply again when it answers")
    return seen, seen.facts
