"""Boot a host into its GPU driver, as a step of an apply, and wait until it is back."""

from __future__ import annotations

from collections.abc import Mapping

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.events import Note
from adbray_ctl.core.observed import HostFacts
from adbray_ctl.core.plan import Step
from adbray_ctl.core.ports import Report, Scope
from adbray_ctl.core.record import SlotKind
from adbray_ctl.core.spec_fleet import Fleet
from adbray_ctl.services.nodes import drain_and_stop
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools

# Servers with much memory take minutes before their kernel begins.
_BACK_WITHIN_S = 1200.0
_POLL_S = 2.0
# How long workers of other groups are kept from their autoscalers; the boot ends it.
_HELD_S = 3600.0


def boot_for_driver(tools: Tools, prepared: Prepared, step: Step, report: Report) -> None:
    """Install what the driver needs on the step's host, and boot it if that is needed still.

    The group's own nodes there are drained already, others' are here. Raises RunError, and
    HostError when the host does not come back in time, or still asks for a boot afterwards.
    """
    fleet, (host,) = prepared.fleet, step.hosts
    others = _workers_of_others(prepared, host)
    for group, slots in others.items():
        tools.nodes.hold(fleet, group, {host: slots}, _HELD_S)
        nodes = [(slot, host) for slot in slots]
        drain_and_stop(tools, fleet, group, nodes, prepared.spec.drain_timeout_s, report)
    inventory = tools.inventories.path(prepared.spec.name)
    tools.runner.run("site", inventory, report, Scope(hosts=(host,), roles=step.first, nodes=()))
    facts = _facts(tools, fleet, host)
    if facts.gpu.reboot:
        _boot(tools, fleet, host, facts.boot, report)
        facts = _facts(tools, fleet, host)
    else:
        report(Note(text=f"{host} need not boot"))
    for group, slots in others.items():
        tools.nodes.release(fleet, group, {host: slots})
    if facts.gpu.reboot:
        raise HostError(
            f"it has booted, and would have to again: {facts.gpu.reboot}",
            where=host,
            hint="look there at `journalctl -b -k` and `dkms status`",
        )


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


def _facts(tools: Tools, fleet: Fleet, host: str) -> HostFacts:
    seen = tools.hosts.observe(fleet, (host,)).host(host)
    if seen.facts is None:
        raise HostError(seen.error or "no answer", where=host, hint="apply again when it answers")
    return seen.facts


def _workers_of_others(prepared: Prepared, host: str) -> Mapping[str, list[str]]:
    """The workers of other groups that run on ``host``, by group."""
    seen = prepared.observed.host(host)
    running = {unit.unit for unit in seen.units if unit.runs}
    found: dict[str, list[str]] = {}
    for slot in seen.slots:
        record = slot.record
        worker = record.kind is SlotKind.WORKER and record.unit in running
        if worker and record.group != prepared.spec.name:
            found.setdefault(record.group, []).append(record.slot)
    return found
