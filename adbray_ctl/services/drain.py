"""Drain: stop workers by hand when their work has ended, and keep them from the autoscaler."""

from __future__ import annotations

from adbray_ctl.core.plan.consent import Consent, question_about
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import NodeAt
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services.change import on_record
from adbray_ctl.services.history import only_step, unplanned
from adbray_ctl.services.nodes import by_host, drain_and_stop, named, require_workers, standing
from adbray_ctl.services.plan import Prepared, prepare
from adbray_ctl.services.tools import Tools

# Until apply or a boot of the host ends it.
_FOR_GOOD_S = 10 * 365 * 86_400.0


def drain(
    tools: Tools,
    group: str,
    names: tuple[str, ...],
    within_s: float | None,
    consent: Consent,
    console: Console,
) -> None:
    """Drain and stop the workers that ``names`` mean, in ``within_s`` or the group's own time.

    Raises UsageError for a name that is not a worker's, RefusedError for a no, HostError.
    """
    with tools.lock.hold(f"drain {group}"):
        prepared = prepare(tools, group)
        nodes = named(prepared, names)
        require_workers(prepared, nodes)
        text = ", ".join(nodes)
        if not consent.yes:
            asked, production = f"Drain and stop {text}?", prepared.spec.production
            console.confirm(question_about(group, asked, production=production))
        seconds = prepared.spec.drain_timeout_s if within_s is None else within_s
        places = standing(prepared, nodes)
        began = tools.clock.now()
        with (
            tools.lease.hold(prepared.fleet, prepared.head_host, group, f"drain {group}"),
            on_record(tools, unplanned(group, "drain", places, Impact.STOP), console) as report,
        ):
            _drain(tools, prepared, places, seconds, report)
    console.show(f"stopped {text} after {tools.clock.now() - began:.1f} s")


def _drain(
    tools: Tools, prepared: Prepared, nodes: tuple[NodeAt, ...], within_s: float, report: Report
) -> None:
    """As the one step of a run. The autoscaler does not start them again until the next apply."""
    group, fleet = prepared.spec.name, prepared.fleet
    names = ", ".join(node for node, _ in nodes)
    with only_step(report, f"drain and stop {names}", nodes):
        tools.nodes.hold(fleet, group, by_host(nodes), _FOR_GOOD_S)
        drain_and_stop(tools, fleet, group, nodes, within_s, report)
