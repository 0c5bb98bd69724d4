"""Orphans: what adbray left on hosts, or in a Redis, that no group of this project owns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, computed_field

from adbray_ctl.core.observed.hosts import HostObservation, Observed, Trace
from adbray_ctl.core.preflight.redis import Namespace
from adbray_ctl.core.spec.strings import NAME

# A group's namespace: its name and eight hex digits, as services.plan makes it. Ray's own users,
# and KubeRay, name theirs otherwise.
NAMESPACE = rf"(?P<group>{NAME.removeprefix('^').removesuffix('$')})-[0-9a-f]{{8}}"
# Stands for a group where there is none: no group can be called so (spec.strings.RESERVED_NAMES).
NO_GROUP = "ungrouped"
# A trial of an upgrade, or somebody's command, runs outside of a unit for less.
_STRAY_AFTER_S = 300.0


class OrphanKind(StrEnum):
    GROUP = "group"
    """A group on a host, for which there is no file here."""
    SLOTS = "slots"
    """Slots of a group that has been made anew since, under another namespace."""
    SHARED = "shared"
    """What groups have in common, on a host that has none."""
    PROCESS = "process"
    """A process of a user that Ray runs as, in no unit."""
    KEYS = "keys"
    """A namespace in an external Redis that no group on a host has."""


class Orphan(BaseModel):
    """One thing without an owner. ``place`` is a host, or the URL of a Redis.

    ``name`` is what `adbray orphans --remove` takes: a group, a namespace, or a host for what is
    shared. ``run`` is the run of this directory that made it; ``changed_at`` is in seconds since
    the epoch.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    kind: OrphanKind
    place: str
    name: str
    what: tuple[str, ...]
    runs: bool = False
    run: int | None = None
    changed_at: float | None = None
    changed_by: str = ""
    remedy: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def removable(self) -> bool:
        """Whether `--remove` can: not what must be mended or ended by other means."""
        if self.kind is OrphanKind.GROUP:
            # The name becomes part of what is removed.
            return re.fullmatch(NAME, self.name) is not None
        return self.kind is OrphanKind.SHARED or (self.kind is OrphanKind.KEYS and not self.runs)

    @property
    def guarded(self) -> bool:
        """Whether its removal ends processes, or may be another project's loss."""
        return self.kind is not OrphanKind.SHARED and (self.runs or self.run is None)

    @property
    def whose(self) -> str:
        """Who made it, as far as that is known."""
        if self.run is not None:
            return f"run {self.run} here"
        return self.changed_by or "unknown"


class OrphanReport(BaseModel):
    """``problems`` say what could not be looked at; ``notes`` what need not be."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    orphans: tuple[Orphan, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Stray(BaseModel):
    """A process of the user that Ray runs as, in none of adbray's units."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    pid: int
    name: str
    age_s: float


class Leftovers(BaseModel):
    """What stands on a host beside the groups' own things."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    host: str
    shared: tuple[str, ...]
    strays: tuple[Stray, ...]


@dataclass(frozen=True)
class Made:
    """The last run of this directory that planned for a group, and for a namespace."""

    groups: Mapping[str, int] = field(default_factory=dict)
    namespaces: Mapping[str, int] = field(default_factory=dict)


def group_of(namespace: str) -> str | None:
    """The group whose namespace this was made for; None for what adbray did not name."""
    match = re.fullmatch(NAMESPACE, namespace)
    return match["group"] if match else None


def on_hosts(observed: Observed, present: Collection[str], made: Made) -> Iterator[Orphan]:
    """Groups that are not ``present`` as files, and slots of an older namespace."""
    for host in observed.hosts:
        for trace in host.traces:
            if trace.group not in present:
                yield _group(host, trace, made)
    for host in observed.hosts:
        for group in sorted({slot.record.group for slot in host.slots} & set(present)):
            yield from _older(host, group, observed.namespace(group))


def beside_groups(observed: Observed, leftovers: Collection[Leftovers]) -> Iterator[Orphan]:
    """What hosts without any group still share, and processes that belong to no unit."""
    for left in leftovers:
        if left.shared and not observed.host(left.host).traces:
            yield Orphan(
                kind=OrphanKind.SHARED,
                place=left.host,
                name=left.host,
                what=left.shared,
                remedy=f"`adbray orphans --remove {left.host}`, or apply a group there",
            )
        for stray in left.strays:
            if stray.age_s >= _STRAY_AFTER_S:
                yield Orphan(
                    kind=OrphanKind.PROCESS,
                    place=left.host,
                    name=str(stray.pid),
                    what=(f"process {stray.pid} ({stray.name})",),
                    runs=True,
                    remedy=f"look at it on {left.host}, and end it there: kill {stray.pid}",
                )


def in_redis(
    url: str, found: Collection[Namespace], observed: Observed, made: Made, now: float
) -> Iterator[Orphan]:
    """Namespaces of adbray's form that no record on a host names; ``now`` is since the epoch."""
    standing = {record.namespace for _, record in observed.records()}
    for one in found:
        if group_of(one.name) is None or one.name in standing:
            continue
        remedy = f"`adbray orphans --remove {one.name}`"
        if one.leader:
            remedy = f"it is in use: the head on host {one.leader} leads; `adbray destroy` it there"
        yield Orphan(
            kind=OrphanKind.KEYS,
            place=url,
            name=one.name,
            what=(f"{one.keys} keys",),
            runs=bool(one.leader),
            run=made.namespaces.get(one.name),
            changed_at=None if one.idle_s is None else now - one.idle_s,
            changed_by=f"host {one.leader} leads it" if one.leader else "",
            remedy=remedy,
        )


def _group(host: HostObservation, trace: Trace, made: Made) -> Orphan:
    group = trace.group
    records = [slot.record for slot in host.slots if slot.record.group == group]
    # A namespace is one life of one group; a name another project may have chosen too.
    runs = [made.namespaces.get(record.namespace) for record in records] or [made.groups.get(group)]
    return Orphan(
        kind=OrphanKind.GROUP,
        place=host.host,
        name=group,
        what=(*(f"slot {record.slot}" for record in records), *trace.what),
        runs=any(unit.runs and unit.group == group for unit in host.units),
        run=None if None in runs else runs[0],
        changed_at=trace.changed_at or None,
        changed_by=trace.changed_by,
        remedy=f"`adbray orphans --remove {group}`"
        if re.fullmatch(NAME, group)
        else f"no group can be called so: look at it on {host.host}",
    )


def _older(host: HostObservation, group: str, namespace: str | None) -> Iterator[Orphan]:
    older = [s for s in host.slots if s.record.group == group and s.record.namespace != namespace]
    if not older:
        return
    units = (host.unit(slot.record.unit) for slot in older)
    yield Orphan(
        kind=OrphanKind.SLOTS,
        place=host.host,
        name=group,
        what=tuple(f"slot {slot.record.slot} of {slot.record.namespace}" for slot in older),
        runs=any(unit is not None and unit.runs for unit in units),
        changed_at=max(slot.applied_at for slot in older),
        remedy=f"`adbray apply {group}`",
    )
