"""The order of work: a plan's changes as steps, so that a worker group never loses too much."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.plan.changes import NodeChange, Step
from adbray_ctl.core.plan.hosts import HostBoot
from adbray_ctl.core.slot.record import NodeAt, SlotKind
from adbray_ctl.core.slot.settings import GPU_SHARE, HEAD_ADDRESS
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup
from adbray_ctl.core.spec.impact import Impact

_WORKER_ROLES = ("worker_disk", "ray_worker")
# A node refuses to join a head of another version (ray._private.utils.check_version_info).
_VERSIONS = frozenset({"ray.version", "ray.python"})


def steps_of(
    spec: RayClusterSpec,
    topology: Topology,
    changes: Iterable[NodeChange],
    canary: int = 0,
    *,
    drivers: Collection[str] = (),
    left_over: Collection[str] = (),
    boots: tuple[HostBoot, ...] = (),
) -> tuple[Step, ...]:
    """The steps that make ``changes``, in the order in which they hurt least.

    First what leaves, since others may need its room; then what takes no running worker away, with
    Redis and the head; then each worker group's running workers, ``max_unavailable`` at a time,
    before them a batch of ``canary`` workers if that is not 0.

    Another version of Ray or Python cannot roll, since nodes of two versions form no cluster: it is
    tried on ``canary`` hosts of each worker group (at least one) beside what runs there, and then
    all nodes go over to it at once. Nor can another share of the cards: the old and the new would
    be more than there is, so workers that change theirs are stopped together.

    Hosts that boot do so one by one, before anything is made on them; what they run is drained and
    comes back changed. Behind a change of version they come last, when all nodes are of the new.
    ``drivers`` are the hosts whose GPU driver is looked after, ``left_over`` those that have
    another one than is wanted, and do not use it.
    """
    todo = [change for change in changes if change.action is not Impact.KEEP]
    gone = [change for change in todo if change.action is Impact.DELETE]
    stay = [change for change in todo if change.action is not Impact.DELETE]
    together = _going_over(stay)
    over = {change.node for change in together}
    away = () if over else tuple(boot.host for boot in boots)
    rest = [c for c in stay if c.node not in over and not (c.runs and c.host in away)]
    # One that is cut anew goes with the others that are: cards are not cut in two ways at once.
    aside = [c for c in rest if c.action is Impact.STOP and not _recut(c)]
    rolling = [change for change in rest if _rolls(change)]
    base = [c for c in rest if not _rolls(c) and (c.action is not Impact.STOP or _recut(c))]
    # Software is put beside the old for all before the first node is touched.
    ready = [change for change in stay if change.new or change.host not in away]
    bare = {change.host for change in ready if change.wants_software}
    told = {change.host for change in ready if change.tells_host}
    prepared = tuple(host for host in topology.hosts if host in bare | told)
    software: tuple[str, ...] = ("host_base",) if told or any(c.new for c in ready) else ()
    software += ("ray_runtime",) if bare else ()
    sliced = frozenset(p.slot for p in topology.workers if p.gpu and p.gpu.slices > 1)
    booting = tuple(_boots(boots, stay, sliced))
    told = {change.host for change in stay if change.new or change.tells_gpu}
    alone = told.intersection(drivers).union(left_over).difference(boot.host for boot in boots)
    return (
        *_departures(topology, gone),
        *_asides(aside),
        *_drivers(tuple(host for host in topology.hosts if host in alone)),
        *(() if over else booting),
        *_base(base, prepared, software, sliced),
        *_cutover(spec, together, canary, sliced),
        *_batches(spec, topology, rolling, canary),
        *(booting if over else ()),
    )


def batch_size(group: WorkerGroup, running: int) -> int:
    """How many of ``running`` workers may be away at once; a share is rounded down, at least 1."""
    limit = group.max_unavailable
    if isinstance(limit, int):
        return limit
    return max(1, running * int(limit.removesuffix("%")) // 100)


def _going_over(stay: list[NodeChange]) -> list[NodeChange]:
    """The nodes that change to another version of Ray or Python, with those that must wait for it.

    A kept node never comes between: every node of Ray has the version among its settings.
    """
    nodes = [change for change in stay if change.kind is not SlotKind.REDIS]
    over = [c for c in nodes if any(field.field in _VERSIONS for field in c.fields)]
    # Beside a head that stays, only the nodes of the other version are of no use to it.
    return nodes if any(change.kind is SlotKind.HEAD for change in over) else over


def _cutover(
    spec: RayClusterSpec, together: list[NodeChange], canary: int, sliced: Collection[str]
) -> Iterator[Step]:
    if not together:
        return
    version = f"Ray {spec.ray.version} on Python {spec.ray.python}"
    runs = any(change.runs for change in together)
    if runs:
        tried = _tried(together, max(canary, 1))
        yield Step(
            title=f"try {version} on {', '.join(tried)}", members=(), hosts=tried, trial=True
        )
    yield Step(
        title=f"{'change to' if runs else 'start'} {version}: {_listed(together)}",
        members=_members(together),
        hosts=tuple(dict.fromkeys(change.host for change in together)),
        roles=_roles(together, sliced),
        drain=_drained(together),
    )


def _tried(together: list[NodeChange], canary: int) -> tuple[str, ...]:
    """The hosts to try a version on: ``canary`` of each worker group, or else the head's."""
    hosts: list[str] = []
    for name, members in _by_group(together).items():
        if name is not None:
            hosts += list(dict.fromkeys(change.host for change in members))[:canary]
    return tuple(dict.fromkeys(hosts)) or (together[0].host,)


def _rolls(change: NodeChange) -> bool:
    """Whether a running worker is taken away that could stay as well until its turn comes."""
    if change.kind is not SlotKind.WORKER or change.action is not Impact.RESTART:
        return False
    # One whose head has moved has lost it already: waiting would only keep it useless.
    moved = any(field.field == HEAD_ADDRESS for field in change.fields)
    return not moved and not _recut(change)


def _recut(change: NodeChange) -> bool:
    """Whether a worker's cards, its slice of one, or what holds it there is another one."""
    return change.kind is SlotKind.WORKER and any(
        field.field.startswith(GPU_SHARE) or field.field.endswith(".isolation")
        for field in change.fields
    )


def _departures(topology: Topology, gone: list[NodeChange]) -> Iterator[Step]:
    stay = set(topology.hosts)
    leaving = tuple(dict.fromkeys(change.host for change in gone if change.host not in stay))
    staying = [change for change in gone if change.host in stay]
    for group, members in _by_group(staying).items():
        yield Step(
            title=f"remove {_listed(members)}" + (f" of worker group {group}" if group else ""),
            members=_members(members),
            hosts=tuple(dict.fromkeys(change.host for change in members)),
            roles=_roles(members),
            drain=_drained(members),
            worker_group=group,
        )
    if leaving:
        members = [change for change in gone if change.host not in stay]
        yield Step(
            title=f"leave {', '.join(leaving)}",
            members=_members(members),
            hosts=leaving,
            drain=_drained(members),
            leaving=True,
        )


def _asides(aside: list[NodeChange]) -> Iterator[Step]:
    """Workers that stop and are not started again; what their records say may change with it."""
    for group, members in _by_group(aside).items():
        yield Step(
            title=f"set aside {_listed(members)} of worker group {group}",
            members=_members(members),
            hosts=tuple(dict.fromkeys(change.host for change in members)),
            roles=_WORKER_ROLES,
            drain=_drained(members),
            worker_group=group,
        )


def _drivers(hosts: tuple[str, ...]) -> Iterator[Step]:
    """Where nothing that is loaded is in the way, and what runs can go on."""
    if hosts:
        title = f"see to the GPU driver of {', '.join(hosts)}"
        yield Step(title=title, members=(), hosts=hosts, roles=("host_base", "gpu"))


def _boots(
    boots: Iterable[HostBoot], stay: list[NodeChange], sliced: Collection[str]
) -> Iterator[Step]:
    for boot in boots:
        members = [change for change in stay if change.runs and change.host == boot.host]
        software = ("ray_runtime",) if any(c.wants_software for c in members) else ()
        drained = f"drain {_listed(members)}, " if members else ""
        yield Step(
            title=f"{drained}install the GPU driver, boot {boot.host}: {boot.reason}",
            members=_members(members),
            hosts=(boot.host,),
            first=("host_base", "gpu"),
            boot=boot.reason,
            # Once more: now it can try the cards.
            roles=("gpu", *software, *_roles(members, sliced)),
            drain=_drained(members),
        )


def _base(
    base: list[NodeChange],
    prepared: tuple[str, ...],
    software: tuple[str, ...],
    sliced: Collection[str],
) -> Iterator[Step]:
    if not prepared and not base:
        return
    yield Step(
        title=_base_title(base, prepared),
        members=_members(base),
        hosts=tuple(dict.fromkeys((*prepared, *(change.host for change in base)))),
        roles=(*software, *_roles(base, sliced)),
        # What its files do not explain, its role cannot see: the unit has to be stopped for it. And
        # a card is cut anew when nothing runs on it.
        drain=tuple(
            c.node
            for c in base
            if c.action is Impact.STOP or (c.action is Impact.RESTART and (c.drift or _recut(c)))
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


def _batches(
    spec: RayClusterSpec, topology: Topology, rolling: list[NodeChange], canary: int
) -> Iterator[Step]:
    groups = {group.name: group for group in spec.worker_groups}
    order = {p.slot: position for position, p in enumerate(topology.placements)}
    for name, unordered in _by_group(rolling).items():
        members = sorted(unordered, key=lambda change: order[change.node])
        size = batch_size(groups[name or ""], len(members))
        first = members[: min(canary, size)] if canary else []
        rest = members[len(first) :]
        batches = [first] if first else []
        batches += [rest[start : start + size] for start in range(0, len(rest), size)]
        for number, batch in enumerate(batches, start=1):
            which = "canary" if batch is first else f"batch {number} of {len(batches)}"
            yield Step(
                title=f"restart {_listed(batch)} ({name}, {which})",
                members=_members(batch),
                hosts=tuple(dict.fromkeys(change.host for change in batch)),
                roles=_WORKER_ROLES,
                drain=_drained(batch),
                worker_group=name,
                canary=batch is first and len(batches) > 1,
            )


def _members(changes: Iterable[NodeChange]) -> tuple[NodeAt, ...]:
    return tuple((change.node, change.host) for change in changes)


def _roles(changes: Iterable[NodeChange], sliced: Collection[str] = ()) -> tuple[str, ...]:
    """The roles that make ``changes``, in the order of playbooks/site.yml.

    ``sliced`` are the workers that have a slice of a card from now on.
    """
    changes = tuple(changes)
    kinds = {change.kind for change in changes}
    roles: list[str] = []
    if kinds & {SlotKind.HEAD, SlotKind.WORKER}:
        roles.append("worker_disk")
    if SlotKind.REDIS in kinds:
        roles += ["redis", "redis_exporter"]
    if SlotKind.HEAD in kinds:
        roles.append("ray_head")
    if SlotKind.WORKER in kinds:
        # Of what is removed it is not known any more whether it had one.
        cut = (c.action is Impact.DELETE or c.node in sliced or _recut(c) for c in changes)
        roles += ["gpu_share"] if any(cut) else []
        roles.append("ray_worker")
    return tuple(roles)


def _drained(changes: Iterable[NodeChange]) -> tuple[str, ...]:
    return tuple(c.node for c in changes if c.kind is SlotKind.WORKER and c.runs)


def _by_group(changes: Iterable[NodeChange]) -> Mapping[str | None, list[NodeChange]]:
    groups: dict[str | None, list[NodeChange]] = {}
    for change in changes:
        groups.setdefault(change.worker_group, []).append(change)
    return groups


def _listed(changes: list[NodeChange]) -> str:
    names = [change.node for change in changes]
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} nodes"
