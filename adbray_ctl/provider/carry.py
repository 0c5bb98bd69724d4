"""What nodes can carry, by the rules of Ray's own scheduler."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ray.autoscaler.v2.instance_manager.config import NodeTypeConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.schema import AutoscalerInstance
from ray.autoscaler.v2.utils import ResourceRequestUtil
from ray.core.generated import autoscaler_pb2, instance_manager_pb2

# Made at run time by protobuf, out of a type checker's sight.
_DEAD = autoscaler_pb2.NodeStatus.Value("DEAD")  # type: ignore[attr-defined]
_Instance = instance_manager_pb2.Instance  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Carrier:
    """Nodes that run, with all of their resources free, and the node types that may be added."""

    nodes: tuple[AutoscalerInstance, ...]
    types: Mapping[str, NodeTypeConfig]

    @classmethod
    def of_state(cls, node_states: Iterable[Any], types: Mapping[str, NodeTypeConfig]) -> Carrier:
        """The living ones of Ray's messages NodeState."""
        alive = (node for node in node_states if node.status != _DEAD)
        return cls(tuple(map(_instance, alive)), types)

    @classmethod
    def of_request(cls, request: SchedulingRequest) -> Carrier:
        """What the autoscaler asks its scheduler about."""
        nodes = tuple(_emptied(one) for one in request.current_instances)
        return cls(nodes, request.node_type_configs)

    def alone(self) -> Carrier:
        """The nodes that run, without any that may be added."""
        return replace(self, types={})

    def carries_task(self, request: Any) -> bool:
        """``request`` is Ray's message ResourceRequest."""
        by_count = ResourceRequestUtil.group_by_count([request])
        return not self._schedule(resource_requests=by_count).infeasible_resource_requests

    def carries_gang(self, gang: Any) -> bool:
        """``gang`` is Ray's message GangResourceRequest, a placement group."""
        return not self._schedule(gang_resource_requests=[gang]).infeasible_gang_resource_requests

    def carries_floor(self, floor: Any) -> bool:
        """``floor`` is Ray's message ClusterResourceConstraint, of request_resources()."""
        reply = self._schedule(cluster_resource_constraints=[floor])
        return not reply.infeasible_cluster_resource_constraints

    def _full(self) -> dict[str, NodeTypeConfig]:
        """The types of the nodes that run, none of which may be added: the head's, and more."""
        counted = Counter(node.im_instance.instance_type for node in self.nodes if node.im_instance)
        return {name: NodeTypeConfig(name, 0, count) for name, count in counted.items()}

    def _schedule(self, **asked: Any) -> Any:
        request = SchedulingRequest(
            disable_launch_config_check=True,
            node_type_configs={**self._full(), **self.types},
            current_instances=list(self.nodes),
            **asked,
        )
        return ResourceDemandScheduler().schedule(request)


def _instance(node: Any) -> AutoscalerInstance:
    found = AutoscalerInstance(
        cloud_instance_id=node.instance_id,
        ray_node=node,
        im_instance=_Instance(
            instance_id=node.instance_id,
            instance_type=node.ray_node_type_name,
            status=_Instance.RAY_RUNNING,
        ),
    )
    return _emptied(found)


def _emptied(instance: AutoscalerInstance) -> AutoscalerInstance:
    """As it is once all that runs there has ended."""
    if instance.ray_node is None:
        return instance
    node = copy.deepcopy(instance.ray_node)
    node.available_resources.clear()
    node.available_resources.update(node.total_resources)
    return replace(instance, ray_node=node)
