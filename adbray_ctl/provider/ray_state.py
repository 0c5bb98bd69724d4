"""What the head's GCS knows that explains scaling: which nodes there are, and what waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ray._raylet import GcsClient  # type: ignore[attr-defined]  # of Ray's compiled part
from ray.autoscaler.v2.instance_manager.config import NodeTypeConfig
from ray.autoscaler.v2.sdk import get_cluster_resource_state
from ray.core.generated import autoscaler_pb2, common_pb2

from adbray_ctl.provider.carry import Carrier
from adbray_ctl.provider.demand import Demand, Offer, Rule, Shape

# Made at run time by protobuf, out of a type checker's sight.
_DEAD, _IDLE, _DRAINING = (
    autoscaler_pb2.NodeStatus.Value(name)  # type: ignore[attr-defined]
    for name in ("DEAD", "IDLE", "DRAINING")
)
_IN = common_pb2.LabelSelectorOperator.Value(  # type: ignore[attr-defined]
    "LABEL_OPERATOR_IN"
)


@dataclass(frozen=True)
class RayNode:
    """One node; ``idle_s`` is how long it has had no work, 0 while it has some."""

    alive: bool
    draining: bool = False
    idle_s: float = 0.0
    offer: Offer | None = None


@dataclass(frozen=True)
class RayState:
    """``nodes`` by instance id, those that ended among them; ``demands`` wait for a node.

    ``floors`` are demands of request_resources() that the living nodes meet. They keep workers up.
    """

    nodes: Mapping[str, RayNode]
    demands: tuple[Demand, ...] = ()
    floors: tuple[Demand, ...] = ()

    @property
    def living(self) -> Mapping[str, Offer]:
        """What each living worker offers, by its slot."""
        return {
            instance.partition(".")[0]: node.offer
            for instance, node in self.nodes.items()
            if node.alive and node.offer
        }


class RayReader:
    """Asks one GCS, at host:port, over a connection that is kept.

    ``types`` gives the worker groups as they are at the time.
    """

    def __init__(self, gcs_address: str, types: Callable[[], Mapping[str, NodeTypeConfig]]) -> None:
        self._address = gcs_address
        self._types = types
        self._client: GcsClient | None = None

    def __call__(self) -> RayState:
        """Raises whatever Ray's client raises; the next call connects again."""
        client, self._client = self._client or GcsClient(address=self._address), None
        state = parse_state(get_cluster_resource_state(client), self._types())
        self._client = client
        return state


def parse_state(state: Any, types: Mapping[str, NodeTypeConfig]) -> RayState:
    """``state`` is Ray's protobuf message ClusterResourceState."""
    nodes = {node.instance_id: _node(node) for node in state.node_states}
    carrier = Carrier.of_state(state.node_states, types)
    demands = [
        Demand(_shape(one.request), one.count)
        for one in state.pending_resource_requests
        if one.count
    ]
    for gang in state.pending_gang_resource_requests:
        never = not carrier.carries_gang(gang)
        counted = Counter(_shape(request) for request in gang.requests)
        demands += [Demand(shape, n, "a placement group", never) for shape, n in counted.items()]
    floors: list[Demand] = []
    for constraint in state.cluster_resource_constraints:
        met = carrier.alone().carries_floor(constraint)
        never = not (met or carrier.carries_floor(constraint))
        (floors if met else demands).extend(
            Demand(_shape(one.request), one.count, "request_resources()", never)
            for one in constraint.resource_requests
        )
    return RayState(nodes, tuple(demands), tuple(floors))


def _node(node: Any) -> RayNode:
    return RayNode(
        alive=node.status != _DEAD,
        draining=node.status == _DRAINING,
        idle_s=node.idle_duration_ms / 1000 if node.status == _IDLE else 0.0,
        offer=Offer(dict(node.total_resources), dict(node.labels), most=1),
    )


def _shape(request: Any) -> Shape:
    return Shape(
        resources=tuple(sorted(request.resources_bundle.items())),
        choices=tuple(_rules(s.label_constraints) for s in request.label_selectors),
    )


def _rules(constraints: Iterable[Any]) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            key=one.label_key,
            values=tuple(one.label_values),
            wanted=one.operator == _IN,
        )
        for one in constraints
    )
