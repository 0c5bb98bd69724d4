"""Running a task on one slot."""

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


def on_slot(slot: str) -> dict[str, Any]:
    """Task options that pin a task to the node of ``slot``."""
    node = next(n for n in ray.nodes() if n["Alive"] and n["Labels"].get("adbray.io/slot") == slot)
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)}


def slot_of(worker_group: str) -> str:
    """A slot of ``worker_group`` that runs."""
    slots = (node["Labels"].get("adbray.io/slot", "") for node in ray.nodes() if node["Alive"])
    return next(slot for slot in slots if slot.rpartition("-")[0] == worker_group)
