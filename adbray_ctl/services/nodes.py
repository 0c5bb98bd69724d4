"""Nodes: drain and stop workers so that what runs on them may end first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.events import Note
from adbray_ctl.core.observed import Observed
from adbray_ctl.core.ports import Report
from adbray_ctl.core.spec import Fleet
from adbray_ctl.core.status import nodes_by_slot
from adbray_ctl.services.tools import Tools

_POLL_S = 0.5


def drain_and_stop(
    tools: Tools, fleet: Fleet, group: str, nodes: Iterable[str], within_s: float, report: Report
) -> None:
    """Drain ``nodes``, wait until each is idle or ``within_s`` seconds are over, then stop them.

    A head that does not answer cannot drain: its workers are stopped at once, and that is told.
    """
    wanted = set(nodes)
    observed = tools.hosts.observe(fleet)
    standing = {r.slot: (h, r) for h, r in observed.records() if r.group == group}
    report(Note(text=f"draining {', '.join(sorted(wanted))}"))
    alive = _alive(observed, group, wanted)
    if alive and "head" in standing:
        head, record = standing["head"]
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
