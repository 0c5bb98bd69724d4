"""What a change of disks does to each node: they grow in use, shrink with a restart, and move."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.slot.disks import Backend, DiskPlace, SlotDisk
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.impact import Impact
from tests.unit.cluster import ROOM, planned
from tests.unit.core.plans import SPEC, busy, fleet, names, plan, spec, standing, touched, workers


@pytest.mark.parametrize(
    ("changes", "nodes"),
    [
        (workers("w", disk_gb=120), {"w-0", "w-1", "w-2"}),
        ({"head": SPEC["head"] | {"disk_gb": 120}}, {"head"}),
    ],
    ids=["worker", "head"],
)
def test_a_disk_grows_in_use(changes: dict[str, Any], nodes: set[str]) -> None:
    found = plan(spec(**changes), busy())
    assert names(found) == dict.fromkeys(nodes, Impact.UPDATE)
    (step,) = found.steps
    assert set(step.nodes) == nodes
    assert set(step.live) == nodes - {"w-2"}, "what runs goes on"
    assert not step.drain
    assert not found.jobs
    assert {c.reason.partition(".disk_gb: ")[2] for c in found.changes if c.fields} <= {
        "100 -> 120; the disk grows in use",
        "100 -> 120",
    }


def test_a_disk_that_grows_beside_another_change_takes_a_restart() -> None:
    assert names(plan(spec(**workers("w", disk_gb=120, env={"A": "1"})))) == {
        "w-0": Impact.RESTART,
        "w-1": Impact.RESTART,
        "w-2": Impact.UPDATE,
    }
    grown = plan(spec(**workers("w", disk_gb=120)), touched("w-0", drift=("/etc/x was edited",)))
    assert names(grown) == {"w-0": Impact.RESTART, "w-1": Impact.UPDATE, "w-2": Impact.UPDATE}


def test_a_backend_that_could_be_had_now_changes_nothing_by_itself() -> None:
    quota = SlotDisk(data=DiskPlace(backend=Backend.XFS_PROJECT, reason="xfs has project quotas"))
    rooms = {name: ROOM.model_copy(update={"disk": quota}) for name in "abc"}
    assert planned(fleet(), spec(), standing(), rooms).is_empty
    new = planned(fleet(), spec(**workers("w", max_workers=4)), standing(), rooms)
    (change,) = (c for c in new.changes if c.node == "w-3")
    assert change.reason.startswith("new, disk by xfs_project: xfs has project quotas")
    asked = planned(fleet(disk={"backend": "xfs_project"}), spec(), standing(), rooms)
    assert {c.kind for c in asked.changes if c.action is Impact.RESTART} == {
        SlotKind.HEAD,
        SlotKind.WORKER,
    }


def test_a_disk_elsewhere_is_made_anew() -> None:
    elsewhere = SlotDisk(data=DiskPlace(path="/data", backend=Backend.XFS_PROJECT))
    rooms = {name: ROOM.model_copy(update={"disk": elsewhere}) for name in "abc"}
    found = planned(fleet(disk={"path": "/data"}), spec(), standing(), rooms)
    assert {c.kind for c in found.changes if c.action is Impact.RESTART} == {
        SlotKind.HEAD,
        SlotKind.WORKER,
    }
    (change,) = (c for c in found.changes if c.node == "w-0")
    assert {(f.field, f.old, f.new) for f in change.fields} == {
        ("disk.path", "/var/lib/adbray", "/data"),
        ("disk.backend", "loop", "xfs_project"),
    }
