"""Rules of a worker group, by itself and on a fleet."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.rules.ports import few_ports_faults
from adbray_ctl.core.rules.values import disk_faults, selector_faults, size_faults
from adbray_ctl.core.slot.shares import held_back_mb
from adbray_ctl.core.spec.faults import Fault, Path
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import WorkerGroup, WorkerType
from adbray_ctl.core.spec.sizes import Catalog
from adbray_ctl.core.spec.strings import RESERVED_SLOTS


def worker_faults(fleet: Fleet, workers: WorkerGroup, path: Path) -> Iterator[Fault]:
    limits = fleet.limits
    if workers.name in RESERVED_SLOTS:
        what = f"{workers.name!r} is the name of a slot"
        yield Fault((*path, "name"), what, "any other name")
    yield from size_faults(fleet, workers.size, (*path, "size"))
    yield from disk_faults(limits.disk_gb, workers.disk_gb, (*path, "disk_gb"))
    yield from selector_faults(fleet, workers.hosts, (*path, "hosts"))
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
