"""Backup and restore: a group in one file, and the file as a group on other hosts."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl.core.backup import Backup
from adbray_ctl.core.errors import ClusterError, RefusedError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.status import living_nodes
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.specs import ProjectFiles
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.text import some
from adbray_ctl.services.change import Change, change
from adbray_ctl.services.observe import require_apart, require_hosts, require_whole
from adbray_ctl.services.plan import Prepared, prepare
from adbray_ctl.services.secrets import ensure_secrets
from adbray_ctl.services.status import no_head
from adbray_ctl.services.tools import Tools

# Ray's own bound is 17 s as measured; asked every so often, and no longer than this.
_POLL_S, _PAST_S = 1.0, 60.0


def save(tools: Tools, group: str, path: Path) -> Backup:
    """Write ``take`` to a new file. Raises RefusedError if there is one."""
    found = take(tools, group)
    tools.archives.write_backup(path, found)
    return found


def restore(
    tools: Tools, project: ProjectFiles, path: Path, consent: Consent, console: Console
) -> Backup:
    """Make the group in the file at ``path``, with the state it had.

    Raises UsageError for a file that is not a backup, and what ``unpack``, ``fill`` and ``change``
    do.
    """
    found = tools.archives.read_backup(path)
    first = Change(group=found.group, command="restore", namespace=found.namespace)
    with tools.lock.hold(first.purpose):
        observed = unpack(tools, project, found)
        change(tools, first, consent, console.quiet(), observed=observed)
        fill(tools, found)
        # What was to be asked was asked before the first.
        again = Consent(yes=True, force=True)
        change(tools, Change(group=found.group, command="restore"), again, console)
        _await_past(tools, project.fleet(), found.group, console)
    return found


def _await_past(tools: Tools, fleet: Fleet, group: str, console: Console) -> None:
    """Wait until Ray has given up the nodes that were alive as the backup was taken.

    It lists them as alive until its health checks have failed, and takes calls of restored actors
    there, which fail (Ray 2.60).
    """
    began = tools.clock.now()
    while past := _past(tools.hosts.observe(fleet), group):
        if tools.clock.now() - began >= _PAST_S:
            console.note(f"Ray still lists nodes of the backup as alive: {some(past)}")
            return
        tools.clock.sleep(_POLL_S)


def _past(observed: Observed, group: str) -> tuple[str, ...]:
    """The addresses of nodes that Ray lists as alive, and that are those of no slot."""
    view = observed.ray(group)
    nodes = view.nodes if view else ()
    slots = {(r.slot, r.address) for _, r in observed.records() if r.group == group}
    present = {node.node_id for at, node in living_nodes(nodes).items() if at in slots}
    return tuple(node.address for node in nodes if node.alive and node.node_id not in present)


def take(tools: Tools, group: str) -> Backup:
    """The group as it is now, while it runs.

    Raises ClusterError if it is not applied or keeps nothing in Redis, HostError if a host fails.
    """
    prepared = prepare(tools, group)
    leading = prepared.observed.leading(group)
    if leading is None:
        raise no_head(tools, prepared.fleet, group, prepared.observed)
    host, head = leading
    ensure_secrets(tools, prepared)
    return Backup(
        made_at=tools.clock.time(),
        group=group,
        namespace=head.namespace,
        ray=prepared.spec.ray.version,
        spec=tools.specs.text(group),
        secrets=tools.secrets.load(group),
        entries=tools.state.take(prepared.fleet, host, group),
    )


def unpack(tools: Tools, project: ProjectFiles, backup: Backup) -> Observed:
    """Put the group's file and secrets in place; gives what hosts show, which are not changed.

    Raises RefusedError if the group stands on a host, or has another file here, HostError if a host
    that is not retired is not seen.
    """
    group, fleet = backup.group, project.fleet()
    observed = tools.hosts.observe(fleet)
    # A host that is not seen whole may have the group, whose secrets would be replaced here.
    require_apart(observed, tools.specs.where)
    require_whole(observed)
    require_hosts(fleet, observed)
    standing = observed.hosts_with(group)
    if standing:
        raise RefusedError(
            f"the group stands on {', '.join(standing)}, and a backup does not replace it",
            where=f"group {group}",
            hint=f"`adbray destroy {group}` first, if it is to become what it was",
        )
    _write_spec(project, backup)
    tools.secrets.store(group, backup.secrets)
    return observed


def _write_spec(project: ProjectFiles, backup: Backup) -> None:
    """Raises RefusedError if the group has another file here."""
    group = backup.group
    if group not in project.names():
        project.write_group(group, backup.spec)
    elif project.text(group) != backup.spec:
        raise RefusedError(
            f"groups/{group}.yml is not what was backed up",
            where=f"group {group}",
            hint="move it away, or write into it what the backup shall be restored as",
        )


def fill(tools: Tools, backup: Backup) -> None:
    """Give the group, just applied, the state of ``backup``: its heads are stopped for it.

    The next apply starts them. Raises ClusterError, HostError.
    """
    prepared: Prepared = prepare(tools, backup.group)
    fleet, observed = prepared.fleet, prepared.observed
    head = observed.head(backup.group)
    if head is None:
        raise ClusterError("no host has its head", where=f"group {backup.group}")
    units = {
        host: [record.unit]
        for host, record in observed.records()
        if (record.group, record.kind) == (backup.group, SlotKind.HEAD)
    }
    tools.nodes.stop(fleet, units)
    tools.state.put(fleet, head[0], backup.group, backup.entries)
