"""The order of work: a plan's changes as steps, so that a worker group never loses too much.

First what leaves, since others may need its room; then what takes no running worker away, with
Redis and the head; then each worker group's running workers, ``max_unavailable`` at a time.

Another version of Ray or Python cannot roll, since nodes of two versions form no cluster: it is
tried on hosts of each worker group beside what runs there, and then all nodes go over to it at
once; so they do to another user. Nor can another share of the cards: the old and the new would be
more than there is, so workers that change theirs are stopped together.

Hosts that boot do so one by one, before anything is made on them; what they run is drained and
comes back changed. Behind a change of version they come last, when all nodes are of the new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.plan.changes import NodeChange
from adbray_ctl.core.plan.hosts import HostWork
from adbray_ctl.core.plan.rolling import batches, cutover, going_over, rolls
from adbray_ctl.core.plan.steps import (
    WORKER_ROLES,
    Step,
    by_group,
    drained_of,
    listed,
    roles_of,
)
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact, Reach


class _Work(NamedTuple):
    """A plan's changes by how they are made; ``stay`` has all of nodes that do not leave."""

    gone: list[NodeChange]
    stay: list[NodeChange]
    together: list[NodeChange]
    aside: list[NodeChange]
    base: list[NodeChange]
    rolling: list[NodeChange]


def steps_of(
    spec: RayClusterSpec,
    topology: Topology,
    changes: Iterable[NodeChange],
    hosts: HostWork,
    canary: int = 0,
) -> tuple[Step, ...]:
    """The steps that make ``changes``, in the order in which they hurt least.

    A batch of ``canary`` workers comes first of each group, if that is not 0; so many hosts of each
    group, and one at least, try another version.
    """
    work = _work(changes, hosts)
    sliced = frozenset(p.slot for p in topology.workers if p.gpu and p.gpu.slices > 1)
    booting = tuple(_boots(hosts, work.stay, sliced))
    return (
        *_departures(topology, work.gone),
        *_asides(work.aside),
        *_drivers(topology, work.stay, hosts),
        *(() if work.together else booting),
        *_base(topology, work, hosts, sliced),
        *cutover(spec, work.together, canary, sliced),
        *batches(spec, topology, work.rolling, canary),
        *(booting if work.together else ()),
    )


def _work(changes: Iterable[NodeChange], hosts: HostWork) -> _Work:
    todo = [change for change in changes if change.action is not Impact.KEEP]
    stay = [change for change in todo if change.action is not Impact.DELETE]
    together = going_over(stay)
    over = {change.node for change in together}
    # A host that boots behind a change of version changes with the others.
    away = () if over else hosts.booting
    rest = [c for c in stay if c.node not in over and not (c.runs and c.host in away)]
    return _Work(
        gone=[change for change in todo if change.action is Impact.DELETE],
        stay=stay,
        together=together,
        # One that is cut again goes with the others: cards are not cut in two ways at once.
        aside=[c for c in rest if c.action is Impact.STOP and not c.recuts],
        base=[c for c in rest if not rolls(c) and (c.action is not Impact.STOP or c.recuts)],
        rolling=[change for change in rest if rolls(change)],
    )


def _departures(topology: Topology, gone: list[NodeChange]) -> Iterator[Step]:
    stay = set(topology.hosts)
    leaving = tuple(dict.fromkeys(change.host for change in gone if change.host not in stay))
    staying = [change for change in gone if change.host in stay]
    for group, members in by_group(staying).items():
        yield Step(
            title=f"remove {listed(members)}" + (f" of worker group {group}" if group else ""),
            changes=tuple(members),
            roles=roles_of(members),
            drain=drained_of(members),
            worker_group=group,
        )
    if leaving:
        members = [change for change in gone if change.host not in stay]
        yield Step(
            title=f"leave {', '.join(leaving)}",
            changes=tuple(members),
            hosts=leaving,
            drain=drained_of(members),
            leaving=True,
        )


def _asides(aside: list[NodeChange]) -> Iterator[Step]:
    """Workers that stop and are not started again; what their records say may change with it."""
    for group, members in by_group(aside).items():
        yield Step(
            title=f"set aside {listed(members)} of worker group {group}",
            changes=tuple(members),
            roles=WORKER_ROLES,
            drain=drained_of(members),
            worker_group=group,
        )


def _drivers(topology: Topology, stay: list[NodeChange], hosts: HostWork) -> Iterator[Step]:
    """Where nothing that is loaded is in the way, and what runs can go on."""
    changed = {change.host for change in stay if change.new or change.reaches(Reach.DRIVER)}
    wanted = (changed.intersection(hosts.drivers) | set(hosts.left_over)) - set(hosts.booting)
    found = tuple(host for host in topology.hosts if host in wanted)
    if found:
        title = f"see to the GPU driver of {', '.join(found)}"
        yield Step(title=title, hosts=found, roles=("host_base", "gpu"))


def _boots(hosts: HostWork, stay: list[NodeChange], sliced: Collection[str]) -> Iterator[Step]:
    for boot in hosts.boots:
        members = [change for change in stay if change.runs and change.host == boot.host]
        software = ("ray_runtime",) if any(c.wants_software for c in members) else ()
        drained = f"drain {listed(members)}, " if members else ""
        yield Step(
            title=f"{drained}install the GPU driver, boot {boot.host}: {boot.reason}",
            changes=tuple(members),
            hosts=(boot.host,),
            first=("host_base", "gpu"),
            boot=boot.reason,
            # Once more: now it can try the cards.
            roles=("gpu", *software, *roles_of(members, sliced)),
            drain=drained_of(members),
        )


def _base(
    topology: Topology, work: _Work, hosts: HostWork, sliced: Collection[str]
) -> Iterator[Step]:
    """What takes no running worker away; software is put beside the old before any node changes."""
    base = work.base
    away = () if work.together else hosts.booting
    ready = [change for change in work.stay if change.new or change.host not in away]
    bare = {change.host for change in ready if change.wants_software}
    shared = {change.host for change in ready if change.reaches(Reach.HOST)}
    prepared = tuple(host for host in topology.hosts if host in bare | shared)
    if not prepared and not base:
        return
    software: tuple[str, ...] = ("host_base",) if shared or any(c.new for c in ready) else ()
    software += ("ray_runtime",) if bare else ()
    yield Step(
        title=_base_title(base, prepared),
        changes=tuple(base),
        hosts=tuple(dict.fromkeys((*prepared, *(change.host for change in base)))),
        roles=(*software, *roles_of(base, sliced)),
        # What its files do not explain, its role cannot see: the unit has to be stopped for it. And
        # a card is cut anew when nothing runs on it.
        drain=tuple(
            c.node
            for c in base
            if c.action is Impact.STOP or (c.action is Impact.RESTART and (c.drift or c.recuts))
        ),
        live=tuple(c.node for c in base if c.runs and c.action is Impact.UPDATE),
    )


def _base_title(base: list[NodeChange], prepared: tuple[str, ...]) -> str:
    named = [f"prepare {len(prepared)} host{'s' if len(prepared) > 1 else ''}"] if prepared else []
    named += [
        f"{change.action} {change.node}" for change in base if change.kind is not SlotKind.WORKER
    ]
    workers = [change for change in base if change.kind is SlotKind.WORKER]
    for action in (Impact.RESTART, Impact.STOP, Impact.START, Impact.UPDATE):
        count = sum(1 for change in workers if change.action is action)
        if count:
            named.append(f"{action} {count} worker{'s' if count > 1 else ''}")
    return ", ".join(named)
