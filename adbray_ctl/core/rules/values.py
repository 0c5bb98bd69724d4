"""Rules that several parts of a spec share: sizes, disks, selectors, names that are there once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from adbray_ctl.core.spec.faults import Fault, Path
from adbray_ctl.core.spec.fleet import Fleet, Range
from adbray_ctl.core.spec.hosts import Selector
from adbray_ctl.core.spec.sizes import Catalog
from adbray_ctl.core.text import did_you_mean, some


def size_faults(fleet: Fleet, name: str, path: Path) -> Iterator[Fault]:
    catalog = Catalog(fleet.sizes)
    if name not in catalog:
        yield Fault(
            path,
            f"size {name!r} is unknown",
            f"{', '.join(catalog)} (add others under sizes in fleet.yml)",
            did_you_mean(name, tuple(catalog)),
        )


def disk_faults(limit: Range, value: int, path: Path) -> Iterator[Fault]:
    if not limit.min <= value <= limit.max:
        what = f"{value} is too {'small' if value < limit.min else 'large'}"
        yield Fault(path, what, f"{limit.min} to {limit.max} (limits.disk_gb in fleet.yml)")


def selector_faults(fleet: Fleet, selector: Selector, path: Path) -> Iterator[Fault]:
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


def repeated_faults(entries: Iterable[tuple[Path, str]], allowed: str) -> Iterator[Fault]:
    first: set[str] = set()
    for path, value in entries:
        if value in first:
            yield Fault(path, f"{value!r} is there twice", allowed)
        first.add(value)
