"""What usage is billed for, as AnalyticDB Ray does it.

The configured disk of every head and worker, the ACUs of those without GPUs, the GPUs of the
others, each by the hour. All arithmetic is exact until a figure is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from adbray_ctl.core.spec.prices import Prices
from adbray_ctl.core.spec.sizes import acu_factor
from adbray_ctl.core.usage.usage import (
    By,
    HostUsage,
    Item,
    Lifetime,
    Period,
    UsageItem,
    UsageReport,
    UsageRow,
    iso,
    named,
)

_HOUR_S = 3600
_DAY_S = 86400
# Decimals of a figure that is told: a second of a GiB is 0.000278 GiB-hours.
_DECIMALS = 6


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
    for lifetime in _answered(hosts):
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


def _answered(hosts: Iterable[HostUsage]) -> Iterable[Lifetime]:
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
