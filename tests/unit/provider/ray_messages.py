"""Ray's own messages, as its GCS and its autoscaler make them."""

from __future__ import annotations

from typing import Any

from ray.autoscaler.v2.instance_manager.config import NodeTypeConfig
from ray.autoscaler.v2.schema import AutoscalerInstance
from ray.autoscaler.v2.utils import ResourceRequestUtil
from ray.core.generated import autoscaler_pb2, common_pb2, instance_manager_pb2

_pb: Any = autoscaler_pb2
_Instance: Any = instance_manager_pb2.Instance  # type: ignore[attr-defined]
_IN = common_pb2.LabelSelectorOperator.Value("LABEL_OPERATOR_IN")  # type: ignore[attr-defined]


def types(**groups: tuple[float, int]) -> dict[str, NodeTypeConfig]:
    """Node types by name, each of so many CPUs and at most so many nodes."""
    return {
        name: NodeTypeConfig(
            name=name, min_worker_nodes=0, max_worker_nodes=most, resources={"CPU": cpus}
        )
        for name, (cpus, most) in groups.items()
    }


def request(labels: dict[str, str] | None = None, **resources: float) -> Any:
    """A ResourceRequest."""
    made = _pb.ResourceRequest(resources_bundle=resources)
    if labels:
        rules = [
            {"label_key": key, "label_values": [value], "operator": _IN}
            for key, value in labels.items()
        ]
        made.label_selectors.add(label_constraints=rules)
    return made


def task(count: int, labels: dict[str, str] | None = None, **resources: float) -> Any:
    """A ResourceRequestByCount, of tasks or actors."""
    return _pb.ResourceRequestByCount(request=request(labels, **resources), count=count)


def gang(*bundles: dict[str, float]) -> Any:
    """A GangResourceRequest: a placement group of the strategy STRICT_SPREAD."""
    spread = [(ResourceRequestUtil.PlacementConstraintType.ANTI_AFFINITY, "pg", "1")]
    requests = [ResourceRequestUtil.make(bundle, spread) for bundle in bundles]
    return _pb.GangResourceRequest(requests=requests)


def floor(count: int, **resources: float) -> Any:
    """A ClusterResourceConstraint, of request_resources()."""
    return _pb.ClusterResourceConstraint(resource_requests=[task(count, None, **resources)])


def node(name: str, group: str, cpus: float, free: float) -> Any:
    """A NodeState; it is idle where all is free."""
    kind = "IDLE" if free == cpus else "RUNNING"
    total = {"CPU": cpus, f"node:10.0.0.{name}": 1.0}
    return _pb.NodeState(
        instance_id=f"{name}.0",
        ray_node_type_name=group,
        status=_pb.NodeStatus.Value(kind),
        total_resources=total,
        available_resources={**total, "CPU": free},
        labels={"adbray.io/slot": name},
    )


def instance(name: str, group: str, cpus: float, free: float) -> AutoscalerInstance:
    """A worker as the autoscaler knows it."""
    made = _Instance(instance_id=f"{name}.0", instance_type=group, status=_Instance.RAY_RUNNING)
    return AutoscalerInstance(f"{name}.0", node(name, group, cpus, free), made)
