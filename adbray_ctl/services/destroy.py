"""Destroy: remove every trace of a group from its hosts and from the control side."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from adbray_ctl.core.errors import HostError, RefusedError, RunError
from adbray_ctl.core.inventory.removal import build_removal_inventory
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayJob
from adbray_ctl.core.plan.consent import Consent, Question
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import NodeAt
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services.change import on_record, unreported
from adbray_ctl.services.history import only_step, unplanned
from adbray_ctl.services.observe import require_apart, require_hosts
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Removal:
    """What a destroy will remove: the hosts and nodes that hold anything of the group.

    ``jobs`` run on it now; ``head`` is its head's host, if it has one. ``silent`` are retired hosts
    that gave no answer: what stands there stays.
    """

    group: str
    fleet: Fleet
    hosts: tuple[str, ...]
    nodes: tuple[NodeAt, ...]
    jobs: tuple[RayJob, ...] = ()
    head: str | None = None
    silent: tuple[str, ...] = ()


def destroy_group(tools: Tools, group: str, consent: Consent, console: Console) -> None:
    """Remove all of ``group``, if the user agrees to lose it.

    Raises RefusedError for a no, and what ``prepare`` and ``destroy`` do.
    """
    with tools.lock.hold(f"destroy {group}"):
        removal = prepare(tools, group)
        for host in removal.silent:
            text = f"host {host} is retired and gives no answer: what stands there stays;"
            console.show(f"{text} destroy {group} again when it answers")
        if not removal.hosts:
            destroy(tools, removal, unreported)
            console.show(f"group {group} is on no host; nothing to remove")
            return
        console.show(f"group {group}: {len(removal.nodes)} slots on {', '.join(removal.hosts)}")
        _ask(removal, consent, console)
        carry_out(tools, removal, console)


def carry_out(tools: Tools, removal: Removal, console: Console) -> None:
    """Remove the group, under its lease and on record; the caller has consent and the lock."""
    group, began = removal.group, tools.clock.now()
    deed = unplanned(group, "destroy", removal.nodes, Impact.DELETE)
    with _lease(tools, removal), on_record(tools, deed, console) as report:
        destroy(tools, removal, report)
    console.show(f"destroyed {group} in {tools.clock.now() - began:.1f} s")


def _ask(removal: Removal, consent: Consent, console: Console) -> None:
    """Raise RefusedError unless the loss of data, and of running jobs, was agreed to."""
    for job in removal.jobs:
        console.show(f"running job {job.id}: {job.entrypoint}")
    if consent.force or (consent.yes and not removal.jobs):
        return
    if consent.yes:
        raise RefusedError(
            f"{len(removal.jobs)} jobs are running, which --yes does not cover",
            where=f"group {removal.group}",
            hint="stop them, or pass --force",
        )
    text = "Jobs are interrupted, data on these slots is lost for good."
    console.confirm(Question(text=text, name=removal.group))


def _lease(tools: Tools, removal: Removal) -> AbstractContextManager[None]:
    if removal.head is None:
        return nullcontext()
    purpose = f"destroy {removal.group}"
    return tools.lease.hold(removal.fleet, removal.head, removal.group, purpose)


def prepare(tools: Tools, group: str, observed: Observed | None = None) -> Removal:
    """Needs no group file: the hosts, if they were not ``observed`` just now, show what is there.

    Raises HostError if a host is silent that is not retired, SpecError if two are one machine.
    """
    fleet = tools.specs.fleet()
    observed = observed or tools.hosts.observe(fleet)
    require_apart(observed, tools.specs.where)
    require_hosts(fleet, observed)
    view = observed.ray(group)
    head = observed.head(group)
    return Removal(
        group=group,
        fleet=fleet,
        hosts=observed.hosts_with(group),
        nodes=tuple((r.slot, host) for host, r in observed.records() if r.group == group),
        jobs=view.jobs if view else (),
        head=head[0] if head else None,
        silent=tuple(host.host for host in observed.hosts if host.error),
    )


def destroy(tools: Tools, removal: Removal, report: Report) -> None:
    """Carry out ``removal`` and prove that nothing is left.

    Raises RunError if something is, HostError if a host does not show it.
    """
    group = removal.group
    if removal.hosts:
        directory = tools.inventories.path(group)
        inventory = build_removal_inventory(
            fleet=removal.fleet,
            group=group,
            hosts=removal.hosts,
            site=tools.secrets.site(group),
        )
        tools.inventories.write(inventory, directory)
        with only_step(report, f"remove {group}", removal.nodes) as log:
            log.path = str(tools.runner.run("delete", directory, report))
            _require_gone(group, tools.hosts.observe(removal.fleet, removal.hosts))
    tools.inventories.forget(group)
    tools.secrets.forget(group)


def _require_gone(group: str, observed: Observed) -> None:
    """Raise RunError for what is left, HostError for a host that shows nothing."""
    left = observed.hosts_with(group)
    if left:
        raise RunError(
            f"something of group {group} is left on {', '.join(left)}: {_traces(group, observed)}",
            where=left[0],
            hint="run destroy again; if it stays, see there what holds it",
        )
    for host in observed.hosts:
        if host.error:
            what = f"whether all of group {group} is gone is not known: {host.error}"
            raise HostError(what, where=host.host, hint="run destroy again when it answers")


def _traces(group: str, observed: Observed) -> str:
    found = [t for host in observed.hosts for t in host.traces if t.group == group]
    return ", ".join(dict.fromkeys(what for trace in found for what in trace.what))
