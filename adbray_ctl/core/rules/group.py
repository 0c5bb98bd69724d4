"""Rules across values and files: what pydantic cannot see while it looks at one value."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from adbray_ctl.core.rules.ports import port_faults
from adbray_ctl.core.rules.values import disk_faults, repeated_faults, selector_faults, size_faults
from adbray_ctl.core.rules.workers import worker_faults
from adbray_ctl.core.spec.faults import Fault, Path
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec, RaySpec
from adbray_ctl.core.spec.head import HeadSpec
from adbray_ctl.core.spec.hosts import Selector
from adbray_ctl.core.spec.redis import GcsStorage, RedisMode, RedisSpec
from adbray_ctl.core.spec.requirements import requirement_name
from adbray_ctl.core.versions import release

# The first Ray that it was tried with.
MIN_ROCKSDB = "2.60.0"

_REDIS_KEYS = {
    RedisMode.MANAGED: ("hosts", "maxmemory_mb"),
    RedisMode.SENTINEL: ("hosts", "maxmemory_mb"),
    RedisMode.EXTERNAL: ("url", "username", "password_file", "ca_file"),
    RedisMode.NONE: (),
}


def check(fleet: Fleet, group: RayClusterSpec) -> tuple[Fault, ...]:
    """The faults of ``group`` on ``fleet``; paths are those of the group's file."""
    return tuple(_group_faults(fleet, group))


def _group_faults(fleet: Fleet, group: RayClusterSpec) -> Iterator[Fault]:
    yield from _packages(group.ray)
    yield from _head(fleet, group.head)
    yield from _ports(fleet, group)
    yield from _standby(fleet, group)
    yield from _redis(fleet, group.redis)
    yield from _storage(group)
    names: list[tuple[Path, str]] = []
    for index, workers in enumerate(group.worker_groups):
        names.append((("worker_groups", index, "name"), workers.name))
        yield from worker_faults(fleet, workers, ("worker_groups", index))
    yield from repeated_faults(names, "a name that no other worker group has")


def _packages(ray: RaySpec) -> Iterator[Fault]:
    names: list[tuple[Path, str]] = [
        (("ray", "packages", index), requirement_name(package))
        for index, package in enumerate(ray.packages)
    ]
    yield from repeated_faults(names, "each package once")


def _head(fleet: Fleet, head: HeadSpec) -> Iterator[Fault]:
    yield from size_faults(fleet, head.size, ("head", "size"))
    yield from disk_faults(fleet.limits.disk_gb, head.disk_gb, ("head", "disk_gb"))
    yield from selector_faults(fleet, head.hosts, ("head", "hosts"))


class _Where(NamedTuple):
    """The hosts that a port is taken on, in words and by what admits them."""

    text: str
    admitted_by: tuple[Selector, ...]


def _ports(fleet: Fleet, group: RayClusterSpec) -> Iterator[Fault]:
    ports = group.head.ports
    heads = _Where("the head's hosts", (group.head.hosts,))
    workers = tuple(workers.hosts for workers in group.worker_groups)
    nodes = _Where("the group's hosts", (group.head.hosts, *workers))
    written = [
        ("gcs", ports.gcs, heads),
        ("dashboard", ports.dashboard, heads),
        ("client", ports.client, heads),
        ("serve", ports.serve, nodes),
        ("serve_grpc", ports.serve_grpc, nodes),
    ]
    known = [(name, port, where) for name, port, where in written if port is not None]
    for name, port, where in known:
        yield from port_faults(fleet, port, ("head", "ports", name))
        yield from _beside_monitoring(fleet, where, port, ("head", "ports", name))
    for (first, one, _), (second, other, _) in combinations(known, 2):
        if one == other:
            what = f"{other} is the {first} port too"
            yield Fault(("head", "ports", second), what, "different ports", relative=True)


def _beside_monitoring(fleet: Fleet, where: _Where, port: int, path: Path) -> Iterator[Fault]:
    """Node exporters stand on every host of a group, the rest of monitoring on its own."""
    if fleet.monitoring is None:
        return
    own = (host for host in fleet.hosts if host.name == fleet.monitoring.host)
    shared = any(selector.admits(host) for host in own for selector in where.admitted_by)
    for key, taken in fleet.monitoring.ports.items():
        if port == taken and (shared or key == ("node_exporter_port",)):
            what = f"{port} is monitoring.{'.'.join(key)} in fleet.yml too"
            yield Fault(path, what, f"a port that nothing else has on {where.text}")


def _standby(fleet: Fleet, group: RayClusterSpec) -> Iterator[Fault]:
    head = group.head
    owner = next((h.name for h in fleet.hosts if h.address == head.virtual_ip), None)
    if owner is not None:
        what = f"{head.virtual_ip} is host {owner}'s own address"
        yield Fault(("head", "virtual_ip"), what, "an address that no host has")
    if head.standby and head.virtual_ip is None:
        what = "a standby takes the head's address over, and there is none that could move"
        yield Fault(("head", "standby"), what, "0, or a virtual_ip beside it", relative=True)
    if head.standby and group.redis_mode is RedisMode.NONE:
        what = "a standby finds the cluster's state in Redis, and there is none"
        yield Fault(("head", "standby"), what, "0, or redis.mode managed, sentinel or external")


def _storage(group: RayClusterSpec) -> Iterator[Fault]:
    if group.gcs_storage is not GcsStorage.ROCKSDB:
        return
    if group.redis.model_fields_set:
        what = "rocksdb keeps the state on the head's disk, and there is a Redis beside it"
        yield Fault(("gcs_storage",), what, "redis, or no redis section", relative=True)
    if release(group.ray.version) < release(MIN_ROCKSDB):
        what = f"Ray {group.ray.version} knows no rocksdb"
        yield Fault(("gcs_storage",), what, "redis, or ray.version 2.60.0 or newer", relative=True)


def _redis(fleet: Fleet, redis: RedisSpec) -> Iterator[Fault]:
    yield from selector_faults(fleet, redis.hosts, ("redis", "hosts"))
    keys = _REDIS_KEYS[redis.mode]
    for key in sorted(redis.model_fields_set - {"mode", *keys}):
        owner = next(mode for mode, known in _REDIS_KEYS.items() if key in known)
        what = f"key {key!r} belongs to mode {owner}, and the mode is {redis.mode}"
        allowed = ", ".join(keys) or "no other key"
        hint = f"set mode: {owner}, or leave {key} out"
        yield Fault(("redis", key), what, allowed, hint, of_key=True, relative=True)
    if redis.mode is RedisMode.EXTERNAL and redis.url is None:
        what = "key 'url' is missing"
        yield Fault(
            ("redis", "url"),
            what,
            "redis://HOST:PORT or rediss://HOST:PORT",
            of_key=True,
            relative=True,
        )
    if redis.ca_file is not None and not (redis.url or "").startswith("rediss:"):
        what = "a certificate, and a way in the clear"
        yield Fault(("redis", "ca_file"), what, "ca_file with a rediss:// URL", relative=True)
    if redis.username is not None and redis.password_file is None:
        what = "a username without a password"
        yield Fault(
            ("redis", "username"), what, "username together with password_file", relative=True
        )
