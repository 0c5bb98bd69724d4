"""Nodes: drain and stop workers so that what runs on them may end first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from adbray_ctl.core.errors import HostError, RefusedError, UsageError
from adbray_ctl.core.events import Note
from adbray_ctl.core.impact import Impact
from adbray_ctl.core.observed import Observed
from adbray_ctl.core.ports import Report
from adbray_ctl.core.record import SlotKind
from adbray_ctl.core.spec import Fleet
from adbray_ctl.core.status import nodes_by_slot
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools

_POLL_S = 0.5
# Longer than any change takes, drains aside; it ends by itself when an apply was killed.
_CHANGE_S = 1800.0
# Until apply or a boot of the host ends it.
_FOR_GOOD_S = 10 * 365 * 86_400.0


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
            known = {r.slot for r in standing} | {r.worker_group or "" for r in standing}
            raise UsageError(
                f"group {group} has no node and no worker group {name!r}",
                hint=f"choose of {', '.join(filter(None, sorted(known)))}",
            )
        found += nodes
    return tuple(dict.fromkeys(found))


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


def drain_for_good(
    tools: Tools, prepared: Prepared, nodes: Collection[str], within_s: float, report: Report
) -> None:
    """Drain and stop workers, and keep the autoscaler from starting them until the next apply."""
    group, fleet = prepared.spec.name, prepared.fleet
    tools.nodes.hold(fleet, group, standing_workers(prepared, nodes), _FOR_GOOD_S)
    drain_and_stop(tools, fleet, group, nodes, within_s, report)


@contextmanager
def held_back(tools: Tools, prepared: Prepared, nodes: Collection[str]) -> Iterator[Sequence[str]]:
    """Keep the standing workers among ``nodes`` from the autoscaler while they are changed.

    Gives those workers. When the change fails they stay held back, which the next plan shows.
    """
    group = prepared.spec.name
    slots = standing_workers(prepared, nodes)
    if slots:
        seconds = prepared.spec.drain_timeout_s + _CHANGE_S
        tools.nodes.hold(prepared.fleet, group, slots, seconds)
    yield tuple(slot for here in slots.values() for slot in here)
    if slots:
        tools.nodes.release(prepared.fleet, group, slots)


def standing_workers(prepared: Prepared, nodes: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The worker slots among ``nodes`` that have a record, by host."""
    found: dict[str, list[str]] = {}
    for host, record in prepared.observed.records():
        mine = (record.group, record.kind) == (prepared.spec.name, SlotKind.WORKER)
        if mine and record.slot in nodes:
            found.setdefault(host, []).append(record.slot)
    return found


def drain_and_stop(
    tools: Tools, fleet: Fleet, group: str, nodes: Iterable[str], within_s: float, report: Report
) -> None:
    """Drain ``nodes``, wait until each is idle or ``within_s`` seconds are over, then stop them.

    A head that does not answer cannot drain: its workers are stopped at once, and that is told.
    """
    wanted = set(nodes)
    observed = tools.hosts.observe(fleet)
    standing = {r.slot: (h, r) for h, r in observed.records() if r.group == group}
    alive = _alive(observed, group, wanted - {SlotKind.HEAD})
    if alive and SlotKind.HEAD in standing:
        report(Note(text=f"draining {', '.join(sorted(alive))}"))
        head, record = standing[SlotKind.HEAD]
        try:
            tools.nodes.drain(fleet, head, record, tuple(alive.values()))
        except HostError as error:
            report(Note(text=f"not drained: {error.what}"))
        else:
            deadline = tools.clock.now() + within_s
            _await_idle(
                tools,
                lambda: _alive(tools.hosts.observe(fleet, (head,)), group, alive),
                deadline,
                report,
            )
    units: dict[str, list[str]] = {}
    for node in sorted(wanted & standing.keys()):
        host, record = standing[node]
        units.setdefault(host, []).append(record.unit)
    tools.nodes.stop(fleet, units)


def _await_idle(
    tools: Tools, alive: Callable[[], Mapping[str, str]], deadline: float, report: Report
) -> None:
    """Wait until none of the drained nodes is ``alive``, for Ray ends each once it is idle."""
    told = ""
    while left := ", ".join(sorted(alive())):
        rest = deadline - tools.clock.now()
        if rest <= 0:
            report(Note(text=f"still busy, stopped now: {left}"))
            return
        if left != told:
            report(Note(text=f"waiting up to {rest:.0f} s for work on {left} to end"))
            told = left
        tools.clock.sleep(_POLL_S)


def _alive(observed: Observed, group: str, nodes: Iterable[str]) -> dict[str, str]:
    """The Ray node ids of those of ``nodes`` that live, by node."""
    view = observed.ray(group)
    found = nodes_by_slot(view.nodes) if view else {}
    return {node: found[node].node_id for node in nodes if node in found}
