"""What the head's GCS knows that explains scaling: which nodes there are, and what waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ray._raylet import GcsClient  # type: ignore[attr-defined]  # of Ray's compiled part
from ray.autoscaler.v2.sdk import get_cluster_resource_state
from ray.core.generated import autoscaler_pb2, common_pb2

from adbray_ctl.provider.demand import Demand, Rule, Shape

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


@dataclass(frozen=True)
class RayState:
    """``nodes`` by instance id, those that ended among them; ``demands`` wait for a node."""

    nodes: Mapping[str, RayNode]
    demands: tuple[Demand, ...] = ()


class RayReader:
    """Asks one GCS, at host:port, over a connection that is kept."""

    def __init__(self, gcs_address: str) -> None:
        self._address = gcs_address
        self._client: GcsClient | None = None

    def __call__(self) -> RayState:
        """Raises whatever Ray's client raises; the next call connects anew."""
        client, self._client = self._client or GcsClient(address=self._address), None
        state = parse_state(get_cluster_resource_state(client))
        self._client = client
        return state


def parse_state(state: Any) -> RayState:
    """``state`` is Ray's protobuf message ClusterResourceState."""
    nodes = {
        node.instance_id: RayNode(
            alive=node.status != _DEAD,
            draining=node.status == _DRAINING,
            idle_s=node.idle_duration_ms / 1000 if node.status == _IDLE else 0.0,
        )
        for node in state.node_states
    }
    demands = [
        Demand(_shape(one.request), one.count)
        for one in state.pending_resource_requests
        if one.count
    ]
    for gang in state.pending_gang_resource_requests:
        counted = Counter(_shape(request) for request in gang.requests)
        demands += [Demand(shape, n, "a placement group") for shape, n in counted.items()]
    for constraint in state.cluster_resource_constraints:
        demands += [
            Demand(_shape(one.request), one.count, "request_resources()")
            for one in constraint.resource_requests
        ]
    return RayState(nodes, tuple(demands))


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
