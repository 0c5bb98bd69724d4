"""Orphans: look for what no group of this project owns, and remove what no host's group shows."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from adbray_ctl.core.errors import ClusterError, HostError, RunError, SpecError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.orphans import (
    NO_GROUP,
    Made,
    Orphan,
    OrphanReport,
    beside_groups,
    group_of,
    in_redis,
    on_hosts,
)
from adbray_ctl.core.preflight.machines import host_problems
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.redis import RedisMode, RedisSpec
from adbray_ctl.services import destroy
from adbray_ctl.services.tools import Tools

# Of a group, so many runs are searched for the one that made a namespace.
_RUNS = 200


@dataclass(frozen=True)
class Source:
    """An external Redis that a group's file names, and a host that can ask it."""

    host: str
    redis: RedisSpec


@dataclass(frozen=True)
class Found:
    """``sources`` are the external Redis that were asked, by their URL."""

    fleet: Fleet
    observed: Observed
    report: OrphanReport
    sources: dict[str, Source]


def find(tools: Tools) -> Found:
    """Ask every host of the fleet, and every external Redis that a file names; changes nothing.

    What cannot be looked at is a problem in the report. Raises SpecError for faults of the files.
    """
    fleet = tools.specs.fleet()
    names = tools.specs.names()
    specs = [tools.specs.group(name, fleet) for name in names]
    observed = tools.hosts.observe(fleet)
    silent = [host for host in observed.hosts if host.error]
    problems = [f"{h.host}: {h.error}" for h in silent if h.host not in fleet.retired]
    notes = [f"{h.host}, which is retired: {h.error}" for h in silent if h.host in fleet.retired]
    problems += host_problems(observed, tools.specs.where)
    standing = {trace.group for host in observed.hosts for trace in host.traces}
    made = _made(tools, standing - set(names))
    orphans = list(on_hosts(observed, names, made))
    answering = [host.host for host in observed.hosts if not host.error]
    orphans += beside_groups(observed, tools.leftovers.read(fleet, answering))
    sources = _sources(fleet, specs, observed)
    stored = _in_all_redis(tools, fleet, sources, observed)
    report = OrphanReport(
        orphans=(*orphans, *stored.orphans),
        problems=(*problems, *stored.problems),
        notes=(*notes, *stored.notes),
    )
    return Found(fleet=fleet, observed=observed, report=report, sources=sources)


def remove_keys(tools: Tools, found: Found, orphan: Orphan) -> int:
    """Remove a namespace from the Redis it is in, and tell how many keys it had.

    Raises ClusterError if a head leads it by now, Redis refuses, or a key is there again.
    """
    source = found.sources[orphan.place]
    cleared = tools.redis.clear(found.fleet, source.host, source.redis, orphan.name)
    prefix = f"RAY{orphan.name}@"
    if cleared.leader:
        what = f"the head on host {cleared.leader} leads {orphan.name}: nothing was removed"
        raise ClusterError(what, where=orphan.place, hint="destroy that group where it belongs")
    if cleared.refused:
        user = source.redis.username or "default"
        hint = f"allow user {user} scan, get and del on {prefix}*, then run this again"
        raise ClusterError(f"Redis refuses: {cleared.refused}", where=orphan.place, hint=hint)
    if cleared.silent:
        what = f"Redis does not answer {source.host}: {cleared.silent}"
        raise ClusterError(what, where=orphan.place, hint="bring it back, then run this again")
    if cleared.left:
        what = f"{len(cleared.left)} keys of {orphan.name} are there again after all were removed"
        hint = "something still writes there: find and stop it, then run this again"
        raise ClusterError(what, where=orphan.place, hint=hint)
    return cleared.removed


def remove_shared(tools: Tools, fleet: Fleet, host: str, report: Report) -> None:
    """Put a host without any group back as it was. Raises RunError if something is left."""
    removal = destroy.Removal(group=NO_GROUP, fleet=fleet, hosts=(host,), nodes=())
    destroy.destroy(tools, removal, report)
    left = tools.leftovers.read(fleet, (host,))[0].shared
    if left:
        raise RunError(
            f"left behind: {', '.join(left)}",
            where=host,
            hint="run this again; if it stays, see there what holds it",
        )


def _in_all_redis(
    tools: Tools, fleet: Fleet, sources: Mapping[str, Source], observed: Observed
) -> OrphanReport:
    """The orphans in each Redis, and why one could not be asked."""
    orphans: list[Orphan] = []
    problems: list[str] = []
    notes: list[str] = []
    for url, source in sources.items():
        try:
            found, unread = _in_redis(tools, fleet, source, observed)
        except (HostError, SpecError) as error:
            problems.append(f"{url}, asked from {source.host}: {error.what}")
            continue
        orphans += found
        notes += unread
    return OrphanReport(orphans=tuple(orphans), problems=tuple(problems), notes=tuple(notes))


def _in_redis(
    tools: Tools, fleet: Fleet, source: Source, observed: Observed
) -> tuple[list[Orphan], list[str]]:
    """The orphans in one Redis, and notes. Raises HostError if it cannot be asked."""
    redis, url = source.redis, source.redis.url or ""
    listed = tools.redis.namespaces(fleet, source.host, redis)
    if listed.error:
        raise HostError(listed.error, where=source.host)
    groups = {group_of(one.name) or "" for one in listed.found}
    made = _made(tools, groups)
    found = list(in_redis(url, listed.found, observed, made, now=tools.clock.time()))
    user = redis.username or "default"
    sealed = f"{url}: user {user} may not read {listed.sealed} other namespaces there"
    return found, [sealed] if listed.sealed else []


def _made(tools: Tools, groups: Collection[str]) -> Made:
    """The newest run here that planned for each of ``groups``, and for each of their namespaces."""
    runs: dict[str, int] = {}
    namespaces: dict[str, int] = {}
    for group in groups:
        for run in tools.history.runs(group, _RUNS):
            plan = tools.history.run(run.number).plan
            if not plan:
                continue
            runs.setdefault(group, run.number)
            namespaces.setdefault(str(json.loads(plan).get("namespace", "")), run.number)
    return Made(groups=runs, namespaces=namespaces)


def _sources(fleet: Fleet, specs: list[RayClusterSpec], observed: Observed) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for spec in specs:
        url, host = spec.redis.url, _asker(fleet, spec, observed)
        if spec.redis_mode is RedisMode.EXTERNAL and url and host:
            found.setdefault(url, Source(host=host, redis=spec.redis))
    return found


def _asker(fleet: Fleet, spec: RayClusterSpec, observed: Observed) -> str | None:
    """A host that answers and can reach the group's Redis: one of its head's, by its selector."""
    leading = observed.leading(spec.name)
    if leading is not None:
        return leading[0]
    usable = (host for host in fleet.hosts if not host.retired and spec.head.hosts.admits(host))
    return next((host.name for host in usable if not observed.host(host.name).error), None)
