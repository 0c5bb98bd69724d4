"""One host with a head and a worker."""

from __future__ import annotations

from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.ray import RayNode, RayView
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.slot.record import SlotKind, SlotRecord

HEAD = SlotRecord(
    group="g",
    slot="head",
    kind=SlotKind.HEAD,
    address="10.0.0.1",
    block=0,
    ports={"gcs": 6379, "dashboard": 8265, "client": 10001},
    namespace="g-0",
    unit="adbray-head@g.service",
    revision="1",
)
WORKER = SlotRecord(
    group="g",
    slot="w-0",
    kind=SlotKind.WORKER,
    address="10.0.0.1",
    worker_group="w",
    index=0,
    block=1,
    ports={},
    namespace="g-0",
    unit="adbray-worker@g.w-0.service",
    revision="1",
)


def observed(active: str, sub: str, *, restarts: int = 0, joined: bool = True) -> Observed:
    nodes = [RayNode(node_id="a", address="10.0.0.1", alive=True, is_head=True)]
    labels = {"adbray.io/slot": "w-0"}
    node = RayNode(node_id="b", address="10.0.0.1", alive=joined, is_head=False, labels=labels)
    host = HostObservation(
        host="h",
        slots=tuple(ObservedSlot(record=record, applied_at=0) for record in (HEAD, WORKER)),
        units=(
            UnitState(unit="adbray-head@g.service", active="active", sub="running"),
            UnitState(
                unit="adbray-worker@g.w-0.service", active=active, sub=sub, restarts=restarts
            ),
        ),
        groups=("g",),
        ray=(RayView(group="g", nodes=(*nodes, node)),),
    )
    return Observed(hosts=(host,))
