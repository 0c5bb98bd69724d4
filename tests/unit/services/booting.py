"""Two groups on two hosts, of which one boots into a GPU driver as a step of an apply."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adbray_ctl import wiring
from adbray_ctl.core.desired.desired import desired_of
from adbray_ctl.core.events import Note, RunEvent
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.ray import RayNode, RayView
from adbray_ctl.core.observed.status import SLOT_LABEL
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.plan.changes import NodeChange
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.slot.names import unit_name
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services.apply import carry_out
from adbray_ctl.services.plan import Prepared
from adbray_ctl.testing.outside import Outside
from tests.unit.cluster import placed
from tests.unit.core.gpu_hosts import DISTRO, FACTS, hosts
from tests.unit.core.plans import fleet

WHY = "driver 535.1 is loaded and 535.2 is installed"
STEP = Step(
    title="boot c",
    changes=(
        NodeChange(
            node="g-0",
            kind=SlotKind.WORKER,
            worker_group="g",
            host="c",
            action=Impact.RESTART,
            reason=f"its host boots: {WHY}",
            runs=True,
        ),
    ),
    boot=WHY,
    first=("host_base", "gpu"),
    roles=("gpu", "ray_worker"),
    drain=("g-0",),
)
FLEET: Fleet = fleet(**hosts(DISTRO))
ADDRESSES = {"a": "10.0.0.1", "c": "10.0.0.3"}


def answering(boot: str, **gpu: Any) -> HostFacts:
    return HostFacts.model_validate(FACTS | {"boot": boot, "gpu": gpu})


OLD, NEW = answering("1", reboot=WHY), answering("2")


def record(group: str, slot: str, host: str) -> SlotRecord:
    kind = SlotKind.HEAD if slot == "head" else SlotKind.WORKER
    return SlotRecord(
        group=group,
        slot=slot,
        kind=kind,
        address=ADDRESSES[host],
        worker_group=None if kind is SlotKind.HEAD else "g",
        block=0,
        ports={},
        namespace="n",
        unit=unit_name(kind, group, slot),
        revision="r",
    )


# Of both groups: the head elsewhere, on c a worker that runs and one that is prepared.
GROUPS = ("demo", "other")
HEADS = tuple(record(group, "head", "a") for group in GROUPS)
WORKERS = tuple(record(group, slot, "c") for group in GROUPS for slot in ("g-0", "g-1"))
ALL = ["hold demo g-0 g-1", "hold other g-0 g-1"]
INSTALL = "run site host_base gpu on c"
BACK = "run site gpu ray_worker on c for g-0"


def slots(*records: SlotRecord) -> tuple[ObservedSlot, ...]:
    return tuple(ObservedSlot(record=one, applied_at=1) for one in records)


def unit(worker: SlotRecord) -> UnitState:
    if worker.slot == "g-0":
        return UnitState(unit=worker.unit, active="active", sub="running", enabled=False)
    return UnitState(unit=worker.unit, active="inactive", sub="dead", enabled=False)


def view(group: str) -> RayView:
    nodes = (
        RayNode(
            node_id=f"{group}/{worker.slot}",
            address=worker.address,
            alive=worker.slot == "g-0",
            is_head=False,
            labels={SLOT_LABEL: worker.slot},
        )
        for worker in WORKERS
        if worker.group == group
    )
    return RayView(group=group, nodes=tuple(nodes))


class Booting(Outside):
    """Two hosts: the heads', and c, which boots.

    The latter answers ``before``, then ``answers`` once it boots, the last for good.
    """

    def __init__(self, directory: Path, before: HostFacts, *answers: HostFacts | None) -> None:
        heads = HostObservation(host="a", slots=slots(*HEADS), ray=tuple(map(view, GROUPS)))
        units = tuple(map(unit, WORKERS))
        self.c = HostObservation(host="c", facts=before, slots=slots(*WORKERS), units=units)
        specs = wiring.project_files(directory)
        super().__init__(specs, Observed(hosts=(heads, self.c)))
        self.left = list(answers)
        self.hosts.before_look = self.come_back

    def come_back(self, asked: Sequence[str]) -> None:
        if "c" not in asked or "boot c" not in self.journal.lines:
            return
        seen = self.hosts.observed.host("c")
        self.c = self.c if seen.error else seen
        facts = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        silent = HostObservation(host="c", error="no answer")
        self.hosts.show(self.c.model_copy(update={"facts": facts}) if facts else silent)

    @property
    def done(self) -> list[str]:
        return self.journal.of("hold", "drain", "run", "boot", "release")


def boot(outside: Booting) -> list[str]:
    """What is reported of it."""
    keys = {"kind": "RayCluster", "name": "demo", "worker_groups": [], "drain_timeout_s": 1}
    spec = RayClusterSpec.model_validate(keys)
    prepared = Prepared(
        fleet=FLEET,
        spec=spec,
        observed=outside.hosts.observed,
        desired=desired_of(FLEET, spec, placed(FLEET, spec), "n"),
        plan=ChangePlan(group="demo", changes=()),
    )
    notes: list[str] = []

    def report(event: RunEvent) -> None:
        if isinstance(event, Note):
            notes.append(event.text)

    carry_out(outside.tools, prepared, STEP, report)
    return notes
