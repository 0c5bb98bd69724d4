"""A boot into a driver: what is kept and drained, when the host counts as back, what ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.events import Note
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.ray import RayNode, RayView
from adbray_ctl.core.observed.status import SLOT_LABEL
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.protocols.runs import Scope
from adbray_ctl.core.slot.names import unit_name
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.apply import carry_out
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools
from tests.unit.core.plan.test_boots import DISTRO, FACTS, hosts
from tests.unit.core.plan.test_changes import fleet

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
PLACES = {(group, "head"): "a" for group in ("demo", "other")} | {
    (group, slot): "c" for group in ("demo", "other") for slot in ("g-0", "g-1")
}
RECORDS = {at: record(*at, host) for at, host in PLACES.items()}
ALL = ["hold demo g-0 g-1", "hold other g-0 g-1"]
INSTALL = "run host_base gpu"
BACK = "run gpu ray_worker"


class Outside:
    """Two hosts, the heads' and the one that boots, and what was done to them.

    The latter answers ``before``, then ``answers`` once it boots, the last for good. ``meanwhile``
    is called after each deed.
    """

    def __init__(self, before: HostFacts, *answers: HostFacts | None) -> None:
        self.before = before
        self.answers = list(answers)
        self.booted = False
        self.runs = {("demo", "g-0"), ("other", "g-0")}
        self.held: set[tuple[str, str]] = set()
        self.killed: list[str] = []
        self.done: list[str] = []
        self.meanwhile: Callable[[str], None] = lambda _: None
        self.time = 0.0

    def starts(self, group: str, slot: str) -> None:
        """The autoscaler asks the gate, which refuses what is held."""
        if (group, slot) not in self.held:
            self.runs.add((group, slot))

    def observe(self, _: Any, names: Sequence[str] | None = None) -> Observed:
        facts: HostFacts | None = self.before
        if self.booted and (names is None or "c" in names):
            facts = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        views = tuple(self._view(group) for group in ("demo", "other"))
        seen = (
            HostObservation(host="a", slots=self._slots("a"), ray=views),
            HostObservation(host="c", facts=facts, slots=self._slots("c"), units=self._units())
            if facts
            else HostObservation(host="c", error="no answer"),
        )
        return Observed(hosts=tuple(one for one in seen if names is None or one.host in names))

    def _slots(self, host: str) -> tuple[ObservedSlot, ...]:
        there = (RECORDS[at] for at, where in PLACES.items() if where == host)
        return tuple(ObservedSlot(record=record, applied_at=1) for record in there)

    def _units(self) -> tuple[UnitState, ...]:
        return tuple(
            UnitState(unit=RECORDS[at].unit, active="active", sub="running") for at in self.runs
        )

    def _view(self, group: str) -> RayView:
        nodes = tuple(
            RayNode(
                node_id=f"{group}/{slot}",
                address=ADDRESSES["c"],
                alive=True,
                is_head=False,
                labels={SLOT_LABEL: slot},
            )
            for of, slot in sorted(self.runs)
            if of == group
        )
        return RayView(group=group, nodes=nodes)

    def _did(self, deed: str) -> None:
        self.done.append(deed)
        self.meanwhile(deed)

    def drain(self, _: Any, __: str, head: SlotRecord, nodes: Sequence[str]) -> None:
        self.runs -= {(head.group, node.partition("/")[2]) for node in nodes}
        self._did(f"drain {' '.join(nodes)}")

    def stop(self, _: Any, units: Mapping[str, Sequence[str]]) -> None:
        """What is still there by now was not drained."""
        stopped = {at for at in self.runs if RECORDS[at].unit in units.get("c", ())}
        self.killed += ["/".join(at) for at in sorted(stopped)]
        self.runs -= stopped

    def boot(self, _: Any, host: str) -> None:
        self.killed += ["/".join(at) for at in sorted(self.runs)]
        self.runs, self.held, self.booted = set(), set(), True
        self._did(f"boot {host}")

    def hold(self, _: Any, group: str, slots: Mapping[str, Sequence[str]], seconds: float) -> None:
        assert seconds > 0
        self.held |= {(group, slot) for slot in slots["c"]}
        self._did(f"hold {group} {' '.join(slots['c'])}")

    def release(self, _: Any, group: str, slots: Mapping[str, Sequence[str]]) -> None:
        self.held -= {(group, slot) for slot in slots["c"]}
        self._did(f"release {group} {' '.join(slots['c'])}")

    def run(self, _: str, __: Any, ___: Any, scope: Scope) -> str:
        assert scope.hosts == ("c",)
        self._did(f"run {' '.join(scope.roles)}")
        return "log"

    def path(self, group: str) -> str:
        return group

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def boot(outside: Outside) -> list[str]:
    tools = SimpleNamespace(
        hosts=outside, nodes=outside, runner=outside, clock=outside, inventories=outside
    )
    prepared = SimpleNamespace(
        fleet=FLEET,
        spec=SimpleNamespace(name="demo", drain_timeout_s=1),
        observed=outside.observe(None),
        plan=SimpleNamespace(changes=()),
        topology=SimpleNamespace(workers=(), started=()),
    )
    told: list[str] = []

    def report(event: Any) -> None:
        if isinstance(event, Note):
            told.append(event.text)

    carry_out(cast(Tools, tools), cast(Prepared, prepared), STEP, report)
    return told


def test_all_workers_of_the_host_are_kept_until_the_step_s_own_are_back() -> None:
    outside = Outside(OLD, NEW)
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
    assert (outside.held, outside.killed) == (set(), [])


@pytest.mark.parametrize("group", ["demo", "other"])
@pytest.mark.parametrize("deed", ["drain demo/g-0", INSTALL, "hold other g-0 g-1", BACK])
def test_an_autoscaler_starts_no_prepared_worker_meanwhile(group: str, deed: str) -> None:
    outside = Outside(OLD, NEW)
    tried: list[bool] = []

    def meanwhile(done: str) -> None:
        if done == deed:
            outside.starts(group, "g-1")
            tried.append((group, "g-1") in outside.runs)

    outside.meanwhile = meanwhile
    boot(outside)
    assert set(tried) == {False}


@pytest.mark.parametrize("group", ["demo", "other"])
@pytest.mark.parametrize(
    ("deed", "soon"), [(ALL[0], INSTALL), (INSTALL, "boot c"), ("boot c", BACK)]
)
def test_what_starts_where_nothing_is_kept_is_drained(group: str, deed: str, soon: str) -> None:
    """It was not kept yet, that has run out as the driver was built, or the boot has ended it."""
    outside = Outside(OLD, NEW)

    def meanwhile(done: str) -> None:
        if done == deed:
            outside.held.clear()
            outside.starts(group, "g-1")

    outside.meanwhile = meanwhile
    boot(outside)
    drains = (done for done in outside.done if done.startswith("drain "))
    drained = outside.done.index(next(done for done in drains if f"{group}/g-1" in done))
    assert outside.done.index(deed) < drained < outside.done.index(soon)
    assert outside.killed == []


def told_of_boot(outside: Outside) -> list[str]:
    """Without what is told of drains."""
    return [text for text in boot(outside) if text.startswith(("c ", "booting"))]


def test_a_host_is_back_when_it_answers_from_another_boot() -> None:
    outside = Outside(OLD, OLD, None, None, NEW)
    assert told_of_boot(outside) == ["booting c", "c is back after 8 s"]
    assert outside.done.count("boot c") == 1


def test_a_host_that_need_not_boot_does_not() -> None:
    outside = Outside(answering("1"))
    assert told_of_boot(outside) == ["c need not boot"]
    assert "boot c" not in outside.done
    assert outside.done[-4:-2] == [BACK, "release demo g-0 g-1"]


def test_a_host_that_stays_away_ends_the_run() -> None:
    with pytest.raises(HostError, match="does not come back within 1200 s: no answer"):
        boot(Outside(OLD, None))


def test_a_host_that_never_goes_down_is_told_so() -> None:
    with pytest.raises(HostError, match="it has not gone down"):
        boot(Outside(OLD, OLD))


def test_a_host_that_gives_no_answer_is_not_taken_for_an_empty_one() -> None:
    outside = Outside(OLD, NEW, None)
    with pytest.raises(HostError, match="no answer"):
        boot(outside)
    assert BACK not in outside.done


def test_a_boot_that_was_in_vain_is_not_taken_for_success() -> None:
    with pytest.raises(HostError, match="would have to again: driver 535"):
        boot(Outside(OLD, answering("2", reboot=WHY)))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (answering("1", driver="470.1"), NEW, "installed, and still driver 470.1 is loaded"),
        (answering("1", nouveau=True), NEW, "installed, and still nouveau is loaded"),
        (OLD, answering("2", driver="470.1"), "it has booted, and still driver 470.1 is loaded"),
    ],
)
def test_another_driver_than_is_wanted_is_no_success(
    before: HostFacts, after: HostFacts, told: str
) -> None:
    """Or the next plan would ask for the same boot, and so for ever."""
    outside = Outside(before, after)
    with pytest.raises(HostError, match=told):
        boot(outside)
    assert BACK not in outside.done
