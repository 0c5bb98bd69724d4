"""A boot into a driver: what is kept and drained, when the host counts as back, what ends it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.events import Note, RunEvent
from adbray_ctl.core.observed import (
    HostFacts,
    HostObservation,
    Observed,
    ObservedSlot,
    RayNode,
    RayView,
    UnitState,
)
from adbray_ctl.core.plan import ChangePlan, Step
from adbray_ctl.core.record import SlotKind, SlotRecord
from adbray_ctl.core.slots import unit_name
from adbray_ctl.core.spec import RayClusterSpec
from adbray_ctl.core.spec_fleet import Fleet
from adbray_ctl.core.status import SLOT_LABEL
from adbray_ctl.services.apply import carry_out
from adbray_ctl.services.plan import Prepared
from adbray_ctl.testing.outside import Outside
from tests.unit.cluster import placed
from tests.unit.core.gpu_hosts import DISTRO, FACTS, hosts
from tests.unit.core.plans import fleet

WHY = "driver 535.1 is loaded and 535.2 is installed"
STEP = Step(
    title="boot c",
    members=(("g-0", "c"),),
    hosts=("c",),
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
        topology=placed(FLEET, spec),
        namespace="n",
        plan=ChangePlan(group="demo", changes=()),
    )
    notes: list[str] = []

    def report(event: RunEvent) -> None:
        if isinstance(event, Note):
            notes.append(event.text)

    carry_out(outside.tools, prepared, STEP, report)
    return notes


def test_all_workers_of_the_host_are_kept_until_the_step_s_own_are_back(tmp_path: Path) -> None:
    outside = Booting(tmp_path, OLD, NEW)
    boot(outside)
    assert outside.done == [
        "hold demo g-0",
        *ALL,
        "drain demo/g-0",
        "drain other/g-0",
        INSTALL,
        *ALL,
        "boot c",
        *ALL,
        BACK,
        "release demo g-0 g-1",
        "release other g-0 g-1",
        "release demo g-0",
    ]
    assert (outside.nodes.held, outside.nodes.killed) == (set(), [])


@pytest.mark.parametrize("group", ["demo", "other"])
@pytest.mark.parametrize("deed", ["drain demo/g-0", INSTALL, "hold other g-0 g-1", BACK])
def test_an_autoscaler_starts_no_prepared_worker_meanwhile(
    tmp_path: Path, group: str, deed: str
) -> None:
    outside = Booting(tmp_path, OLD, NEW)
    tried: list[bool] = []

    def meanwhile(done: str) -> None:
        if done == deed:
            tried.append(outside.nodes.start(group, "g-1", "c"))

    outside.journal.after = meanwhile
    boot(outside)
    assert set(tried) == {False}


@pytest.mark.parametrize("group", ["demo", "other"])
@pytest.mark.parametrize(
    ("deed", "soon"), [(ALL[0], INSTALL), (INSTALL, "boot c"), ("boot c", BACK)]
)
def test_what_starts_where_nothing_is_kept_is_drained(
    tmp_path: Path, group: str, deed: str, soon: str
) -> None:
    """It was not kept yet, that has run out as the driver was built, or the boot has ended it."""
    outside = Booting(tmp_path, OLD, NEW)

    def meanwhile(done: str) -> None:
        if done == deed:
            outside.nodes.held.clear()
            outside.nodes.start(group, "g-1", "c")

    outside.journal.after = meanwhile
    boot(outside)
    drains = (done for done in outside.done if done.startswith("drain "))
    drained = outside.done.index(next(done for done in drains if f"{group}/g-1" in done))
    assert outside.done.index(deed) < drained < outside.done.index(soon)
    assert outside.nodes.killed == []


def reported_of_boot(outside: Booting) -> list[str]:
    """Without what is reported of drains."""
    return [text for text in boot(outside) if text.startswith(("c ", "booting"))]


def test_a_host_is_back_when_it_answers_from_another_boot(tmp_path: Path) -> None:
    outside = Booting(tmp_path, OLD, OLD, None, None, NEW)
    assert reported_of_boot(outside) == ["booting c", "c is back after 8 s"]
    assert outside.done.count("boot c") == 1


def test_a_host_that_need_not_boot_does_not(tmp_path: Path) -> None:
    outside = Booting(tmp_path, answering("1"))
    assert reported_of_boot(outside) == ["c need not boot"]
    assert "boot c" not in outside.done
    assert outside.done[-4:-2] == [BACK, "release demo g-0 g-1"]


def test_a_host_that_stays_away_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="does not come back within 1200 s: no answer"):
        boot(Booting(tmp_path, OLD, None))


def test_a_host_that_never_goes_down_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="it has not gone down"):
        boot(Booting(tmp_path, OLD, OLD))


def test_a_host_that_gives_no_answer_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    outside = Booting(tmp_path, OLD, NEW, None)
    with pytest.raises(HostError, match="no answer"):
        boot(outside)
    assert BACK not in outside.done


def test_a_boot_that_was_in_vain_is_not_taken_for_success(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="would have to again: driver 535"):
        boot(Booting(tmp_path, OLD, answering("2", reboot=WHY)))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (answering("1", driver="470.1"), NEW, "installed, and still driver 470.1 is loaded"),
        (answering("1", nouveau=True), NEW, "installed, and still nouveau is loaded"),
        (OLD, answering("2", driver="470.1"), "it has booted, and still driver 470.1 is loaded"),
    ],
)
def test_another_driver_than_is_wanted_is_no_success(
    tmp_path: Path, before: HostFacts, after: HostFacts, said: str
) -> None:
    """Or the next plan would ask for the same boot, and so for ever."""
    outside = Booting(tmp_path, before, after)
    with pytest.raises(HostError, match=said):
        boot(outside)
    assert BACK not in outside.done
