"""Running a task on one slot."""

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


def on_slot(slot: str) -> dict[str, Any]:
    """Task options that pin a task to the node of ``slot``."""
    node = next(n for n in ray.nodes() if n["Alive"] and n["Labels"].get("adbray.io/slot") == slot)
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)}
