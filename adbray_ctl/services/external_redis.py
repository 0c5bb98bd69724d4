"""A Redis that is already there: looked at before a head depends on it."""

from __future__ import annotations

from adbray_ctl.core.errors import ClusterError, HostError
from adbray_ctl.core.events import Note
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.preflight.findings import Finding, FindingState
from adbray_ctl.core.preflight.redis import RedisReading, judge
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.redis import RedisMode
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools


def findings(
    tools: Tools, fleet: Fleet, spec: RayClusterSpec, topology: Topology, namespace: str
) -> tuple[Finding, ...]:
    """What every host of the head finds there; nothing for a group with a Redis of its own."""
    if spec.redis_mode is not RedisMode.EXTERNAL or spec.redis.url is None:
        return ()
    found: list[Finding] = []
    for head in topology.heads:
        try:
            reading = tools.redis.read(fleet, head.host, spec.redis, namespace)
        except HostError as error:
            reading = RedisReading(error=error.what)
        found += judge(head.host, spec.redis.url, reading)
    return tuple(found)


def require(tools: Tools, prepared: Prepared, report: Report) -> None:
    """Raise ClusterError if a head would be started on a Redis that cannot keep its state."""
    starts = (Impact.START, Impact.RESTART)
    changes = prepared.plan.changes
    if not any(c.kind is SlotKind.HEAD and c.action in starts for c in changes):
        return
    found = findings(tools, prepared.fleet, prepared.spec, prepared.topology, prepared.namespace)
    for one in found:
        if one.state is FindingState.WARN:
            report(Note(text=f"{one.host}: {one.found}; {one.remedy}"))
    failed = [one for one in found if one.state is FindingState.FAIL]
    if failed:
        raise ClusterError(
            "\n".join(one.found for one in failed), where=failed[0].host, hint=failed[0].remedy
        )
