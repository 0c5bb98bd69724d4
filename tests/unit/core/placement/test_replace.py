"""Hosts that are given up, alive or dead: what their plan says, and who may be silent."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.errors import HostError, UsageError
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.slots import SlotState
from adbray_ctl.core.observed.status import group_status
from adbray_ctl.core.placement.topology import Replacement
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.preflight import findings
from adbray_ctl.core.preflight.judge import preflight
from adbray_ctl.core.preflight.readings import Check, HostAnswer, Silence
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.redis import RedisMode, RedisSpec
from adbray_ctl.services.observe import require_hosts, require_seen, unseen_nodes
from adbray_ctl.services.replace import check_hosts
from tests.unit.cluster import NAMESPACE, ROOM, applied, placed, planned
from tests.unit.core import healthy_host
from tests.unit.core.plans import FLEET, spec, workers

MOVABLE = spec(
    head={"size": "tiny"}, redis={}, worker_groups=workers("g", hosts={})["worker_groups"]
)


def fleet(*retired: str) -> Fleet:
    names = ("a", "b", "c", "d")
    hosts = [
        {"name": name, "address": f"10.0.0.{n}", "retired": name in retired}
        for n, name in enumerate(names, start=1)
    ]
    return Fleet.model_validate(FLEET | {"hosts": hosts})


def three() -> Observed:
    """The group on a, b and c; d is there and empty."""
    topology = placed(fleet("d"), MOVABLE)
    assert set(topology.hosts) == {"a", "b", "c"}
    return applied(fleet("d"), MOVABLE, topology)


def silenced(observed: Observed, *names: str) -> Observed:
    dead = {name: HostObservation(host=name, error="no answer") for name in names}
    return Observed(hosts=tuple(dead.get(host.host, host) for host in observed.hosts))


def replaced(host: str, observed: Observed) -> ChangePlan:
    """The plan that lets d take over from ``host``."""
    rooms = {seen.host: seen.error or "retired" if seen.error else ROOM for seen in observed.hosts}
    replacing = Replacement(old=host, new="d")
    return planned(fleet(host), MOVABLE, observed, rooms, replacing)


def slots_on(observed: Observed, host: str) -> set[str]:
    return {slot.record.slot for slot in observed.host(host).slots}


def reasons(plan: ChangePlan) -> dict[str, str]:
    return {
        f"{c.action} {c.node}@{c.host}": c.reason
        for c in plan.changes
        if c.action is not Impact.KEEP
    }


def host_of(kind: SlotKind) -> str:
    return next(host for host, record in three().records() if record.kind is kind)


def test_a_retired_host_that_answers_is_left() -> None:
    before = three()
    plan = replaced("c", before)
    moved = slots_on(before, "c")
    assert moved
    assert not moved & {"head", "redis"}
    expected = {f"delete {node}@c": "moves to d: c is retired" for node in moved}
    starts = {c.node for c in plan.changes if c.host == "d" and c.action is not Impact.KEEP}
    assert starts == moved
    found = reasons(plan)
    assert {key: found[key] for key in expected} == expected
    assert found.pop("update head@a").endswith("-> none"), "it asks c no more"
    rest = found.keys() - expected.keys()
    assert all(found[key].startswith("moves from c, which is retired") for key in rest)
    assert plan.steps[0].leaving
    assert plan.steps[0].hosts == ("c",)
    assert set(plan.steps[0].members) == {(node, "c") for node in moved}


def test_what_a_dead_host_carried_is_made_anew() -> None:
    before = silenced(three(), "c")
    plan = replaced("c", before)
    lost = slots_on(three(), "c")
    starts = {key for key in reasons(plan) if key.endswith("@d")}
    assert {key.split()[1] for key in starts} == {f"{node}@d" for node in lost}
    assert all("on no host that answers" in reasons(plan)[key] for key in starts)
    assert reasons(plan).keys() == starts | {"update head@a"}, "nothing else is touched"
    (silent,) = plan.silent
    assert (silent.host, silent.retired) == ("c", True)
    assert silent.text.startswith("host c is retired and gives no answer: what stands there stays")


def test_a_dead_head_starts_elsewhere_and_all_workers_with_it() -> None:
    before = silenced(three(), host_of(SlotKind.HEAD))
    assert before.namespace("demo") == NAMESPACE, "the others know it"
    plan = replaced(host_of(SlotKind.HEAD), before)
    actions = {(c.node, c.action) for c in plan.changes}
    assert ("head", Impact.START) in actions
    running = [c for c in plan.changes if c.runs and c.kind is SlotKind.WORKER]
    assert running
    assert all(c.action is Impact.RESTART for c in running)
    (step,) = plan.steps
    assert "head" in step.nodes
    assert not step.drain, "they lost their head already"
    assert "restart" in step.title
    assert plan.blind


@pytest.mark.parametrize("dead", [True, False])
def test_a_lost_redis_is_told(*, dead: bool) -> None:
    host = host_of(SlotKind.REDIS)
    plan = replaced(host, silenced(three(), host) if dead else three())
    change = next(c for c in plan.changes if c.node == "redis" and c.action is Impact.START)
    assert "detached actors, list of jobs" in change.reason
    head = next(c for c in plan.changes if c.node == "head" and c.action is not Impact.DELETE)
    assert head.action in (Impact.RESTART, Impact.START)


def test_a_host_that_comes_back_gives_up_what_it_still_has() -> None:
    """Its workers are alive a second time: neither they nor those that count are confused."""
    old = three()
    rooms = dict.fromkeys("abcd", ROOM)
    replacing = Replacement(old="c", new="d")
    topology = placed(fleet("c"), MOVABLE, silenced(old, "c"), rooms, replacing)
    now = applied(fleet("c"), MOVABLE, topology)
    view, ghosts = now.ray("demo"), old.ray("demo")
    assert view is not None
    assert ghosts is not None
    extra = tuple(
        n.model_copy(update={"node_id": f"old-{n.node_id}"})
        for n in ghosts.nodes
        if n.address == "10.0.0.3"
    )
    both = view.model_copy(update={"nodes": (*view.nodes, *extra)})
    hosts = [h.model_copy(update={"ray": (both,)}) if h.ray else h for h in now.hosts]
    back = Observed(hosts=(*(h for h in hosts if h.host != "c"), old.host("c")))
    plan = planned(fleet("c"), MOVABLE, back, rooms)
    found = reasons(plan)
    assert found == {f"delete {n}@c": "stands on d: c is retired" for n in slots_on(old, "c")}
    (step,) = plan.steps
    assert step.leaving
    assert all(host == "c" for _, host in step.drained)
    status = group_status("demo", back, fleet("c").retired)
    moved = [slot for slot in status.slots if slot.state is SlotState.RUNNING and slot.host in "cd"]
    assert {slot.host for slot in moved} == {"c", "d"}
    for slot in moved:
        assert slot.ray_node == ("old-" if slot.host == "c" else "") + f"id-{slot.slot}"


def test_a_retired_silent_host_holds_nothing_up() -> None:
    seen = silenced(three(), "c")
    with pytest.raises(HostError, match="no answer") as caught:
        require_seen(fleet(), MOVABLE, seen)
    nodes = ("w-0", "w-1", "w-2", "x-0", "g-0")
    hidden = ", ".join(node for node in nodes if node in slots_on(three(), "c"))
    assert f"may be there: {hidden}" in caught.value.what
    assert "adbray replace c NEWHOST" in (caught.value.hint or "")
    require_seen(fleet("c"), MOVABLE, seen)
    require_hosts(fleet("c"), seen)
    with pytest.raises(HostError):
        require_hosts(fleet(), seen)


def test_a_silent_host_that_hides_nothing_is_gone_without() -> None:
    seen = silenced(three(), "d")
    assert unseen_nodes(fleet(), MOVABLE, seen) == ()
    require_seen(fleet(), MOVABLE, seen)
    plan = planned(fleet(), MOVABLE, seen)
    assert plan.is_empty
    (silent,) = plan.silent
    assert silent.text == "host d gives no answer, and nothing is placed there: no answer"
    more = spec(head={"size": "tiny"}, redis={}, **workers("g", hosts={}, min_workers=2))
    with pytest.raises(HostError, match="may be there: g-1"):
        require_seen(fleet(), more, seen)
    with pytest.raises(HostError, match="head, redis, w-0"):
        require_seen(fleet(), MOVABLE, silenced(Observed(hosts=seen.hosts), *"abcd"))


def test_status_names_a_retired_silent_host() -> None:
    status = group_status("demo", silenced(three(), "d"), {"d"})
    assert status.problems == ("d: retired, and silent: no answer",)
    assert status.ready


@pytest.mark.parametrize("dead", [False, True])
def test_of_several_redis_one_may_go(*, dead: bool) -> None:
    several = MOVABLE.model_copy(update={"redis": RedisSpec(mode=RedisMode.SENTINEL)})
    topology = placed(fleet("d"), several)
    before = applied(fleet("d"), several, topology)
    host = topology.redis[0].host
    rooms = {seen.host: ROOM for seen in before.hosts} | {host: "retired"}
    plan = planned(
        fleet(host),
        several,
        silenced(before, host) if dead else before,
        rooms,
        Replacement(old=host, new="d"),
    )
    redis = [c for c in plan.changes if c.kind is SlotKind.REDIS and c.action is not Impact.DELETE]
    started = {c.node for c in redis if c.action is Impact.START}
    assert (started, len(redis)) == ({"redis"}, 3)
    assert not any("is lost" in c.reason for c in redis)


@pytest.mark.parametrize(
    ("old", "new", "address", "pieces"),
    [
        ("z", "d", None, ("no host 'z' in fleet.yml; hosts: a, b, c, d",)),
        ("a", "a", None, ("cannot replace itself", "adbray apply")),
        ("a", "new", None, ("no host 'new' in fleet.yml", "adbray replace a new=ADDRESS")),
        ("a", "c", None, ("host c is retired itself",)),
        ("a", "b", "10.9.9.9", ("with the address 10.0.0.2",)),
    ],
)
def test_hosts_that_cannot_replace(
    old: str, new: str, address: str | None, pieces: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as caught:
        check_hosts(fleet("c"), Replacement(old=old, new=new), address)
    for piece in pieces:
        assert piece in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "address"),
    [("a", "b", None), ("a", "b", "10.0.0.2"), ("c", "d", None), ("a", "e", "10.0.0.9")],
)
def test_hosts_that_can_replace(old: str, new: str, address: Any) -> None:
    check_hosts(fleet("c"), Replacement(old=old, new=new), address)


@pytest.mark.parametrize("silent", [True, False])
def test_a_retired_host_is_named_and_not_judged(*, silent: bool) -> None:
    hosts = [host.model_copy(update={"retired": True}) for host in healthy_host.FLEET.hosts]
    fleet = healthy_host.FLEET.model_copy(update={"hosts": tuple(hosts)})
    seen = healthy_host.answer()
    if silent:
        seen = HostAnswer(host="a", silence=Silence(check=Check.SSH, what="no", hint=""))
    (finding,) = preflight(fleet=fleet, answers=[seen], needs={})
    assert finding.state is findings.FindingState.SKIPPED
    assert ("gives no answer" in finding.found) is silent
