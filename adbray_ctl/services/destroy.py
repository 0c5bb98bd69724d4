"""Destroy: remove every trace of a group from its hosts and from the control side."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.errors import HostError, RunError
from adbray_ctl.core.inventory.removal import build_removal_inventory
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayJob
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import NodeAt
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.history import only_step
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


def prepare(tools: Tools, group: str) -> Removal:
    """Needs no group file: the hosts say what stands.

    Raises HostError if a host is silent that is not retired, SpecError if two are one machine.
    """
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
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
