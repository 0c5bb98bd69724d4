"""Nodes: drain and stop workers so that what runs on them may end first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from adbray_ctl.core.errors import HostError, RefusedError, UsageError
from adbray_ctl.core.events import Note
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayLoad
from adbray_ctl.core.observed.status import SlotAt, living_nodes
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import NodeAt, SlotKind
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.text import no_such
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools

_POLL_S = 0.5
# Longer than any change takes, drains aside; it ends by itself when an apply was killed.
_CHANGE_S = 1800.0
# Ray reports a task a second after it has begun (RAY_task_events_report_interval_ms).
_TOLD_S = 3.0


def named(prepared: Prepared, names: tuple[str, ...]) -> tuple[str, ...]:
    """The nodes that ``names`` mean: nodes, or all nodes of worker groups.

    Raises UsageError for a name of neither.
    """
    found: list[str] = []
    group = prepared.spec.name
    standing = [record for _, record in prepared.observed.records() if record.group == group]
    for name in names:
        nodes = [record.slot for record in standing if name in (record.slot, record.worker_group)]
        if not nodes:
            known = {r.slot for r in standing} | {
                r.worker_group for r in standing if r.worker_group
            }
            what = no_such("node or worker group", name, sorted(known), of=f"in group {group}")
            raise UsageError(what)
        found += nodes
    return tuple(dict.fromkeys(found))


def require_workers(prepared: Prepared, nodes: Collection[str]) -> None:
    """Raise UsageError unless all ``nodes`` are workers: a head or a Redis cannot be drained."""
    records = [r for _, r in prepared.observed.records() if r.group == prepared.spec.name]
    if any(r.kind is not SlotKind.WORKER for r in records if r.slot in nodes):
        raise UsageError("only workers can be drained", hint="adbray restart, or destroy")


def require_nothing_else(prepared: Prepared, nodes: Collection[str]) -> None:
    """Raise RefusedError if the plan does more than to restart ``nodes``."""
    other = [
        change.node
        for change in prepared.plan.changes
        if change.action is not Impact.KEEP and (change.node not in nodes or change.fields)
    ]
    if other:
        raise RefusedError(
            f"the spec asks for other changes as well: {', '.join(other)}",
            where=f"group {prepared.spec.name}",
            hint="make them with `adbray apply` first",
        )


@contextmanager
def held_back(
    tools: Tools, prepared: Prepared, nodes: Iterable[NodeAt]
) -> Iterator[tuple[NodeAt, ...]]:
    """Keep the workers among ``nodes`` from the autoscaler while they are changed or made.

    Gives those that stand. When the change fails they stay held back, which the next plan shows.
    """
    group, wanted = prepared.spec.name, set(nodes)
    records = prepared.observed.records()
    standing = [(r.slot, host) for host, r in records if r.group == group and r.worker_group]
    workers = tuple(node for node in standing if node in wanted)
    held = by_host(dict.fromkeys((*workers, *_to_hold(prepared, wanted))))
    if held:
        seconds = prepared.spec.drain_timeout_s + _CHANGE_S
        tools.nodes.hold(prepared.fleet, group, held, seconds)
    yield workers
    if held:
        tools.nodes.release(prepared.fleet, group, held)


def _to_hold(prepared: Prepared, wanted: Collection[NodeAt]) -> Iterator[NodeAt]:
    """The placed workers among ``wanted``, and all of a worker group of which one is started.

    For the autoscaler sees at once that a worker is missing, and would start another one.
    """
    starts = {c.node for c in prepared.plan.changes if c.action is Impact.START}
    workers = [(p.worker_group, (p.slot, p.host)) for p in prepared.topology.workers]
    groups = {group for group, node in workers if node in wanted and node[0] in starts}
    for group, node in workers:
        if node in wanted or group in groups:
            yield node


def standing(prepared: Prepared, names: Collection[str]) -> tuple[NodeAt, ...]:
    """The nodes called ``names`` with the hosts they stand on."""
    group = prepared.spec.name
    records = prepared.observed.records()
    return tuple((r.slot, host) for host, r in records if r.group == group and r.slot in names)


def drain_and_stop(
    tools: Tools, fleet: Fleet, group: str, nodes: Iterable[NodeAt], within_s: float, report: Report
) -> None:
    """Drain ``nodes``, wait until each is idle or ``within_s`` seconds are over, then stop them.

    A node of the same name on another host goes on. A head that does not answer cannot drain: its
    workers are stopped at once, and that is told.
    """
    wanted = set(nodes)
    observed = tools.hosts.observe(fleet)
    standing = [(host, r) for host, r in observed.records() if r.group == group]
    leaving = {(r.slot, host): r for host, r in standing if (r.slot, host) in wanted}
    leading = observed.leading(group)
    workers = [(r.slot, r.address) for r in leaving.values() if r.kind is SlotKind.WORKER]
    alive = _alive(observed, group, workers)
    if alive and leading:
        report(Note(text=f"draining {_names(alive)}"))
        head, record = leading
        try:
            tools.nodes.drain(fleet, head, record, tuple(alive.values()))
        except HostError as error:
            report(Note(text=f"not drained: {error.what}"))
        else:
            _await_idle(tools, fleet, group, head, alive, within_s, report)
    units: dict[str, list[str]] = {}
    for (_, host), record in sorted(leaving.items()):
        units.setdefault(host, []).append(record.unit)
    tools.nodes.stop(fleet, units)


def _await_idle(
    tools: Tools,
    fleet: Fleet,
    group: str,
    head: str,
    nodes: Iterable[SlotAt],
    within_s: float,
    report: Report,
) -> None:
    """Wait until Ray has ended each drained node, or nothing but detached actors is on it."""
    reported, began = "", tools.clock.now()
    while True:
        observed = tools.hosts.observe(fleet, (head,))
        alive = _alive(observed, group, nodes)
        waited = tools.clock.now() - began
        if waited >= _TOLD_S:
            alive = _ending(observed, group, alive)
        if not alive:
            return
        left = _names(alive)
        if waited >= within_s:
            report(Note(text=f"still busy, stopped now: {left}"))
            return
        if left != reported:
            report(Note(text=f"waiting up to {within_s - waited:.0f} s for work on {left} to end"))
        reported = left
        tools.clock.sleep(_POLL_S)


def _ending(observed: Observed, group: str, alive: Mapping[SlotAt, str]) -> dict[SlotAt, str]:
    """Those of ``alive`` whose work will end by itself, or is not known."""
    view = observed.ray(group)
    if view is None or view.error:
        return dict(alive)
    return {at: node for at, node in alive.items() if view.load.get(node, RayLoad()).ends}


def _alive(observed: Observed, group: str, nodes: Iterable[SlotAt]) -> dict[SlotAt, str]:
    """The Ray node ids of those of ``nodes`` that live, by slot and address."""
    view = observed.ray(group)
    found = living_nodes(view.nodes) if view else {}
    return {node: found[node].node_id for node in nodes if node in found}


def _names(nodes: Iterable[SlotAt]) -> str:
    return ", ".join(sorted(slot for slot, _ in nodes))


def by_host(nodes: Iterable[NodeAt]) -> dict[str, list[str]]:
    """The names of ``nodes``, by the host they are on."""
    found: dict[str, list[str]] = {}
    for node, host in nodes:
        found.setdefault(host, []).append(node)
    return found
