"""Usage: what heads and workers are billed for, from the times at which they ran.

Billed as AnalyticDB Ray does it: the configured disk of every head and worker, the ACUs of those
without GPUs, the GPUs of the others, each by the hour. Times are whole seconds since the epoch, and
all arithmetic is exact until a figure is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, computed_field

from adbray_ctl.core.catalog import acu_factor
from adbray_ctl.core.record import SlotKind
from adbray_ctl.core.slots import kind_of
from adbray_ctl.core.spec_prices import Prices
from adbray_ctl.core.wanted import STANDBY

_HOUR_S = 3600
_DAY_S = 86400
# Decimals of a figure that is told: a second of a GiB is 0.000278 GiB-hours.
_DECIMALS = 6


class By(StrEnum):
    """What a row of a report stands for."""

    GROUP = "group"
    WORKER_GROUP = "worker-group"
    """A worker group, or the heads, or the standbys of a group."""
    DAY = "day"
    """A group on a day, in UTC."""


class Item(StrEnum):
    """What is billed."""

    DISK = "disk_gb_hours"
    ACU = "acu_hours"
    GPU = "gpu_hours"


class Period(NamedTuple):
    """From ``start``, up to and without ``end``."""

    start: int
    end: int


class Lifetime(BaseModel):
    """One node from a start to its end, or a part of that in which nothing changed.

    ``id`` is systemd's of the start. ``end`` of one that runs is when it was asked. ``cards`` are
    its whole GPUs, of which it has one in ``slices``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    group: str
    slot: str
    worker_group: str = ""
    size: str = ""
    cpus: int
    disk_gb: int
    cards: int = 0
    slices: int = 1
    gpu_model: str = ""
    start: int
    end: int

    @property
    def kin(self) -> str:
        """Its worker group; heads and standbys have names that no worker group may have."""
        if kind_of(self.slot) is SlotKind.WORKER:
            return self.worker_group
        return STANDBY if self.slot.startswith(STANDBY) else str(SlotKind.HEAD)

    @property
    def unit(self) -> str:
        """Its GPU allocation unit."""
        return f"1/{self.slices}" if self.slices > 1 else str(self.cards)


class HostUsage(BaseModel):
    """What one host wrote down, or the error that hides it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    lifetimes: tuple[Lifetime, ...] = ()
    error: str = ""


class UsageItem(BaseModel):
    """One thing that is billed. ``cost`` is None where there is no price."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: Item
    gpu_model: str = ""
    gpu_unit: str = ""
    quantity: float
    cost: float | None = None


class UsageRow(BaseModel):
    """One row; what it does not stand for is empty. ``cost`` is None if that of any item is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: str = ""
    group: str = ""
    worker_group: str = ""
    node_hours: float
    items: tuple[UsageItem, ...]
    cost: float | None = None


class UsageReport(BaseModel):
    """``problems`` say whose usage is missing; ``notes`` what else there is to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: str
    end: str
    by: By
    currency: str | None = None
    rows: tuple[UsageRow, ...]
    total: UsageRow
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def complete(self) -> bool:
        return not self.problems


class _Billed(NamedTuple):
    item: Item
    gpu_model: str = ""
    gpu_unit: str = ""


class _Key(NamedTuple):
    day: str = ""
    group: str = ""
    worker_group: str = ""


_Amounts: TypeAlias = dict[_Billed, Fraction]


@dataclass
class _Sum:
    seconds: int = 0
    amounts: _Amounts = field(default_factory=lambda: defaultdict(Fraction))

    def add(self, lifetime: Lifetime, seconds: int) -> None:
        self.seconds += seconds
        for billed, rate in _rates(lifetime):
            self.amounts[billed] += rate * Fraction(seconds, _HOUR_S)


def usage_report(
    period: Period,
    by: By,
    hosts: Iterable[HostUsage],
    *,
    prices: Prices | None = None,
    group: str | None = None,
) -> UsageReport:
    """The usage of all groups, or of ``group``, in ``period``."""
    sums: dict[_Key, _Sum] = defaultdict(_Sum)
    total = _Sum()
    for lifetime in _told(hosts):
        if group is not None and lifetime.group != group:
            continue
        for key, seconds in _parts(lifetime, period, by):
            sums[key].add(lifetime, seconds)
            total.add(lifetime, seconds)
    unpriced = sorted({b.gpu_model for b in total.amounts if _price(prices, b) is None})
    return UsageReport(
        start=iso(period.start),
        end=iso(period.end),
        by=by,
        currency=prices.currency if prices else None,
        rows=tuple(_row(key, sums[key], prices) for key in sorted(sums)),
        total=_row(_Key(), total, prices),
        notes=tuple(f"no price of {named(model)}" for model in unpriced) if prices else (),
    )


def iso(at: int) -> str:
    """A moment as ISO 8601 writes it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def named(gpu_model: str) -> str:
    """A GPU's model, in a text for people."""
    return gpu_model or "an unknown GPU"


def _told(hosts: Iterable[HostUsage]) -> Iterable[Lifetime]:
    """Each lifetime once: a host that broke down as one ended may tell it a second time."""
    found: dict[tuple[str, str, int], Lifetime] = {}
    for host in hosts:
        for one in host.lifetimes:
            found.setdefault((host.host, one.id, one.start), one)
    return found.values()


def _parts(lifetime: Lifetime, period: Period, by: By) -> Iterator[tuple[_Key, int]]:
    """The seconds of ``lifetime`` in ``period``, for each row they belong to."""
    start, end = max(lifetime.start, period.start), min(lifetime.end, period.end)
    if by is not By.DAY:
        worker_group = lifetime.kin if by is By.WORKER_GROUP else ""
        if start < end:
            yield _Key(group=lifetime.group, worker_group=worker_group), end - start
        return
    while start < end:
        midnight = min((start // _DAY_S + 1) * _DAY_S, end)
        yield _Key(day=iso(start)[:10], group=lifetime.group), midnight - start
        start = midnight


def _rates(lifetime: Lifetime) -> Iterator[tuple[_Billed, Fraction]]:
    """What it is billed for in an hour."""
    yield _Billed(Item.DISK), Fraction(lifetime.disk_gb)
    if lifetime.cards:
        billed = _Billed(Item.GPU, lifetime.gpu_model, lifetime.unit)
        yield billed, Fraction(lifetime.cards, lifetime.slices)
    else:
        yield _Billed(Item.ACU), lifetime.cpus * acu_factor(lifetime.size)


def _row(key: _Key, added: _Sum, prices: Prices | None) -> UsageRow:
    costs = _costs(added.amounts, prices)
    items = tuple(
        UsageItem(
            item=billed.item,
            gpu_model=billed.gpu_model,
            gpu_unit=billed.gpu_unit,
            quantity=_figure(added.amounts[billed]),
            cost=_figure(costs[billed]) if billed in costs else None,
        )
        for billed in sorted(added.amounts, key=lambda b: (list(Item).index(b.item), b))
    )
    priced = prices is not None and len(costs) == len(added.amounts)
    return UsageRow(
        **key._asdict(),
        node_hours=_figure(Fraction(added.seconds, _HOUR_S)),
        items=items,
        cost=_figure(sum(costs.values(), Fraction())) if priced else None,
    )


def _costs(amounts: Mapping[_Billed, Fraction], prices: Prices | None) -> _Amounts:
    """The costs of what has a price."""
    found = {billed: _price(prices, billed) for billed in amounts}
    return {b: amounts[b] * price for b, price in found.items() if price is not None}


def _price(prices: Prices | None, billed: _Billed) -> Fraction | None:
    """As it is written in the file: 0.1 is a tenth."""
    if prices is None:
        return None
    match billed.item:
        case Item.DISK:
            price: float | None = prices.disk_gb_hour
        case Item.ACU:
            price = prices.acu_hour
        case Item.GPU:
            price = prices.of_gpu(billed.gpu_model)
    return None if price is None else Fraction(str(price))


def _figure(exact: Fraction) -> float:
    return float(round(exact, _DECIMALS))
