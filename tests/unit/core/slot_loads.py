"""Slots of one host with what each of them uses."""

from __future__ import annotations

from adbray_ctl.core.observed.loads import SlotLoad


def slot(name: str, **found: object) -> SlotLoad:
    plain = {
        "host": "a",
        "group": "demo",
        "slot": name,
        "kind": "worker",
        "runs": True,
        "cpus": 4,
        "cores": None,
        "memory": None,
        "memory_limit": 2**30,
        "objects": None,
        "spilled": 0,
        "disk": None,
        "disk_size": None,
        "restarts": 0,
    }
    return SlotLoad.model_validate(plain | found)


SLOTS = (
    slot("w-0", cores=2.0, memory=2**29, objects=5, disk=9, disk_size=10),
    slot("w-1", cores=1.5, cpus=2, memory=2**28, spilled=7, disk=900, disk_size=10000),
    slot("w-2", runs=False, restarts=2),
)
