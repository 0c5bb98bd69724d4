"""Rules across values and files: what pydantic cannot see while it looks at one value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from adbray_ctl.core.rules.monitoring import monitoring_faults
from adbray_ctl.core.rules.ports import EPHEMERAL_PORTS, few_ports_faults, port_faults
from adbray_ctl.core.slot.shares import held_back_mb
from adbray_ctl.core.spec.faults import Fault, Path
from adbray_ctl.core.spec.fleet import Fleet, Range
from adbray_ctl.core.spec.gpu import Driver, HostGpu
from adbray_ctl.core.spec.group import RayClusterSpec, RaySpec, WorkerGroup, WorkerType
from adbray_ctl.core.spec.head import HeadSpec
from adbray_ctl.core.spec.hosts import Selector
from adbray_ctl.core.spec.redis import GcsStorage, RedisMode, RedisSpec
from adbray_ctl.core.spec.requirements import requirement_name
from adbray_ctl.core.spec.sizes import Catalog
from adbray_ctl.core.spec.strings import RESERVED_SLOTS
from adbray_ctl.core.text import did_you_mean, some

# The first Ray that it was tried with.
MIN_ROCKSDB = (2, 60, 0)

_REDIS_KEYS = {
    RedisMode.MANAGED: ("hosts", "maxmemory_mb"),
    RedisMode.SENTINEL: ("hosts", "maxmemory_mb"),
    RedisMode.EXTERNAL: ("url", "username", "password_file", "ca_file"),
    RedisMode.NONE: (),
}


def check_fleet(fleet: Fleet) -> tuple[Fault, ...]:
    """The faults of ``fleet`` by itself."""
    return tuple(_fleet_faults(fleet))


def check(fleet: Fleet, group: RayClusterSpec) -> tuple[Fault, ...]:
    """The faults of ``group`` on ``fleet``; paths are those of the group's file."""
    return tuple(_group_faults(fleet, group))


def _fleet_faults(fleet: Fleet) -> Iterator[Fault]:
    names = [(("hosts", i, "name"), host.name) for i, host in enumerate(fleet.hosts)]
    yield from _repeated(names, "a name that no other host has")
    addresses = [(("hosts", i, "address"), host.address) for i, host in enumerate(fleet.hosts)]
    yield from _repeated(addresses, "an address that no other host has")
    limits, ports = fleet.limits, fleet.ports
    if limits.disk_gb.min > limits.disk_gb.max:
        what = f"min {limits.disk_gb.min} is above max {limits.disk_gb.max}"
        yield Fault(("limits", "disk_gb"), what, "min at most max")
    if limits.min_workers > limits.max_workers:
        what = f"{limits.min_workers} is above max_workers"
        yield Fault(("limits", "min_workers"), what, f"at most {limits.max_workers}", relative=True)
    yield from _gpus(fleet)
    if ports.base + ports.block > EPHEMERAL_PORTS.start:
        what = f"a block of {ports.block} from {ports.base} on does not end below 32768"
        allowed = f"a base of at most {EPHEMERAL_PORTS.start - ports.block}"
        yield Fault(("ports",), what, allowed)
    yield from monitoring_faults(fleet)


def _gpus(fleet: Fleet) -> Iterator[Fault]:
    yield from _gpu(fleet.gpu, ("gpu",))
    for index, host in enumerate(fleet.hosts):
        yield from _gpu(host.gpu, ("hosts", index, "gpu"))


def _gpu(gpu: HostGpu | None, path: Path) -> Iterator[Fault]:
    if gpu is None:
        return
    for key, owner in (("branch", Driver.DISTRO), ("runfile", Driver.RUNFILE)):
        given = getattr(gpu, key) is not None
        if given and gpu.driver is not owner:
            what = f"key {key!r} belongs to driver {owner}, and the driver is {gpu.driver}"
            hint = f"set driver: {owner}, or leave {key} out"
            yield Fault((*path, key), what, hint=hint, of_key=True, relative=True)
    if gpu.driver is Driver.RUNFILE and gpu.runfile is None:
        what = "driver runfile needs to know the file"
        yield Fault((*path, "driver"), what, "runfile with url and sha256 beside it", relative=True)
    twice = [((*path, "cuda", index), version) for index, version in enumerate(gpu.cuda)]
    yield from _repeated(twice, "each release once")


def _group_faults(fleet: Fleet, group: RayClusterSpec) -> Iterator[Fault]:
    yield from _packages(group.ray)
    yield from _head(fleet, group.head)
    yield from _standby(fleet, group)
    yield from _redis(fleet, group.redis)
    yield from _storage(group)
    names: list[tuple[Path, str]] = []
    for index, workers in enumerate(group.worker_groups):
        names.append((("worker_groups", index, "name"), workers.name))
        yield from _workers(fleet, workers, ("worker_groups", index))
    yield from _repeated(names, "a name that no other worker group has")


def _packages(ray: RaySpec) -> Iterator[Fault]:
    names: list[tuple[Path, str]] = [
        (("ray", "packages", index), requirement_name(package))
        for index, package in enumerate(ray.packages)
    ]
    yield from _repeated(names, "each package once")


def _head(fleet: Fleet, head: HeadSpec) -> Iterator[Fault]:
    yield from _size(fleet, head.size, ("head", "size"))
    yield from _disk(fleet.limits.disk_gb, head.disk_gb, ("head", "disk_gb"))
    yield from _selector(fleet, head.hosts, ("head", "hosts"))
    ports = [("gcs", head.ports.gcs), ("dashboard", head.ports.dashboard)]
    ports.append(("client", head.ports.client))
    for name, port in ports:
        yield from port_faults(fleet, port, ("head", "ports", name))
        yield from _beside_monitoring(fleet, head.hosts, port, ("head", "ports", name))
    for (first, one), (second, other) in combinations(ports, 2):
        if one == other:
            what = f"{other} is the {first} port too"
            yield Fault(("head", "ports", second), what, "three different ports", relative=True)


def _beside_monitoring(fleet: Fleet, heads: Selector, port: int, path: Path) -> Iterator[Fault]:
    """Node exporters stand on every host of a group, the rest of monitoring on its own."""
    if fleet.monitoring is None:
        return
    own = fleet.monitoring.host
    shared = any(host.name == own and heads.admits(host) for host in fleet.hosts)
    for key, taken in fleet.monitoring.ports.items():
        if port == taken and (shared or key == ("node_exporter_port",)):
            what = f"{port} is monitoring.{'.'.join(key)} in fleet.yml too"
            yield Fault(path, what, "a port that nothing else has on the head's hosts")


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
    if tuple(int(part) for part in group.ray.version.split(".")) < MIN_ROCKSDB:
        what = f"Ray {group.ray.version} knows no rocksdb"
        yield Fault(("gcs_storage",), what, "redis, or ray.version 2.60.0 or newer", relative=True)


def _redis(fleet: Fleet, redis: RedisSpec) -> Iterator[Fault]:
    yield from _selector(fleet, redis.hosts, ("redis", "hosts"))
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


def _workers(fleet: Fleet, workers: WorkerGroup, path: Path) -> Iterator[Fault]:
    limits = fleet.limits
    if workers.name in RESERVED_SLOTS:
        what = f"{workers.name!r} is the name of a slot"
        yield Fault((*path, "name"), what, "any other name")
    yield from _size(fleet, workers.size, (*path, "size"))
    yield from _disk(limits.disk_gb, workers.disk_gb, (*path, "disk_gb"))
    yield from _selector(fleet, workers.hosts, (*path, "hosts"))
    yield from _counts(fleet, workers, path)
    if workers.type is WorkerType.CPU and workers.allocation_unit is not None:
        what = "a worker group of type CPU has no allocation unit"
        yield Fault(
            (*path, "allocation_unit"), what, "type: GPU, or no allocation_unit", relative=True
        )
    yield from _isolation(workers, path)
    size = Catalog(fleet.sizes).get(workers.size)
    if size:
        yield from few_ports_faults(fleet, size.cpus, (*path, "size"))
    store = workers.object_store_gb
    if size and store is not None:
        room = size.memory_gb - held_back_mb(int(size.memory_gb * 1024)) / 1024
        if store >= room:
            what = f"{store:g} leaves no memory for tasks"
            allowed = (
                f"less than {max(room, 0):.2f} (memory of size {workers.size} without Ray's own)"
            )
            yield Fault((*path, "object_store_gb"), what, allowed)


def _isolation(workers: WorkerGroup, path: Path) -> Iterator[Fault]:
    """Who shares a card is told what holds them apart, and has said so."""
    unit = workers.allocation_unit
    if workers.gpu_slices > 1 and workers.isolation is None:
        what = f"key 'isolation' is missing, and workers of {unit} share a card"
        allowed = "mig or mps, which hold each to its slice, or none, which does not"
        yield Fault((*path, "isolation"), what, allowed, of_key=True, relative=True)
    if workers.gpu_slices == 1 and workers.isolation is not None:
        what = "isolation is for workers that share a card, and these do not"
        allowed = 'no isolation, or an allocation_unit of "1/2" to "1/16"'
        yield Fault((*path, "isolation"), what, allowed, relative=True)


def _counts(fleet: Fleet, workers: WorkerGroup, path: Path) -> Iterator[Fault]:
    limits = fleet.limits
    low, high = workers.min_workers, workers.max_workers
    allowed = f"{limits.min_workers} to {limits.max_workers}"
    if low < limits.min_workers:
        source = "limits.min_workers in fleet.yml"
        yield Fault((*path, "min_workers"), f"{low} is too small", f"{allowed} ({source})")
    # A max_workers that was left out equals min_workers, and min_workers is what is wrong.
    key = "max_workers" if "max_workers" in workers.model_fields_set else "min_workers"
    if high < 1:
        what = f"{high} leaves max_workers at {high}"
        yield Fault((*path, key), what, f"max_workers of 1 to {limits.max_workers}")
    elif high > limits.max_workers:
        source = "limits.max_workers in fleet.yml"
        yield Fault((*path, key), f"{high} is too large", f"{allowed} ({source})")
    elif low > high:
        what = f"{high} is below min_workers"
        yield Fault((*path, key), what, f"{low} to {limits.max_workers}", relative=True)


def _size(fleet: Fleet, name: str, path: Path) -> Iterator[Fault]:
    catalog = Catalog(fleet.sizes)
    if name not in catalog:
        yield Fault(
            path,
            f"size {name!r} is unknown",
            f"{', '.join(catalog)} (add others under sizes in fleet.yml)",
            did_you_mean(name, tuple(catalog)),
        )


def _disk(limit: Range, value: int, path: Path) -> Iterator[Fault]:
    if not limit.min <= value <= limit.max:
        what = f"{value} is too {'small' if value < limit.min else 'large'}"
        yield Fault(path, what, f"{limit.min} to {limit.max} (limits.disk_gb in fleet.yml)")


def _selector(fleet: Fleet, selector: Selector, path: Path) -> Iterator[Fault]:
    known = tuple(host.name for host in fleet.hosts)
    unknown = False
    for index, name in enumerate(selector.names):
        if name not in known:
            unknown = True
            what, hint = f"host {name!r} is not in fleet.yml", did_you_mean(name, known)
            yield Fault((*path, "names", index), what, some(known), hint)
    if not unknown and not any(selector.admits(fleet.host(name)) for name in known):
        where = (*path, "labels") if selector.labels else path
        what = "no host of fleet.yml has all of these labels"
        if selector.names:
            what = "none of the named hosts has all of these labels"
        yield Fault(where, what, "labels that a host has")


def _repeated(entries: Iterable[tuple[Path, str]], allowed: str) -> Iterator[Fault]:
    first: set[str] = set()
    for path, value in entries:
        if value in first:
            yield Fault(path, f"{value!r} is there twice", allowed)
        first.add(value)
