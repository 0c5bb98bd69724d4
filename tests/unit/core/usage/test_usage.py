"""Usage by hand, case by case; and that parts sum up to the whole."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adbray_ctl.core.spec.prices import Prices
from adbray_ctl.core.usage.billing import usage_report
from adbray_ctl.core.usage.usage import By, HostUsage, Item, Lifetime, Period, UsageRow

CASES = Path(__file__).parents[2] / "cases" / "usage"
DAY = 86400


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def lifetime(index: int, entry: dict[str, Any]) -> Lifetime:
    start, end = map(seconds, entry.pop("ran"))
    worker_group = entry["slot"].rpartition("-")[0]
    defaults = {"id": str(index), "group": "demo", "worker_group": worker_group}
    return Lifetime.model_validate({**defaults, **entry, "start": start, "end": end})


def row(shown: UsageRow) -> dict[str, Any]:
    """A row as cases have it: without what is empty."""
    found: dict[str, Any] = {
        **{key: getattr(shown, key) for key in ("group", "worker_group") if getattr(shown, key)},
        "node_hours": shown.node_hours,
    }
    if shown.day:
        found["day"] = date.fromisoformat(shown.day)
    for one in shown.items:
        if one.item is Item.GPU:
            found.setdefault("gpu", {})[f"{one.gpu_model} {one.gpu_unit}"] = one.quantity
        else:
            found["disk" if one.item is Item.DISK else "acu"] = one.quantity
    return found if shown.cost is None else found | {"cost": shown.cost}


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_usage_is_as_by_hand(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    hosts = [
        HostUsage(host=host, lifetimes=tuple(lifetime(n, one) for n, one in enumerate(entries)))
        for host, entries in case["hosts"].items()
    ]
    prices = Prices.model_validate(case["prices"]) if "prices" in case else None
    period = Period(*map(seconds, case["period"]))
    report = usage_report(period, By(case["by"]), hosts, prices=prices)
    assert [row(one) for one in report.rows] == case["rows"]
    assert row(report.total) == case["total"]
    assert list(report.notes) == case.get("notes", [])


lifetimes = st.lists(
    st.builds(
        lambda start, lasts, **rest: Lifetime(start=start, end=start + lasts, **rest),
        start=st.integers(0, 12 * DAY),
        lasts=st.integers(0, 5 * DAY),
        id=st.uuids().map(str),
        group=st.sampled_from(("a", "b")),
        slot=st.sampled_from(("head", "standby-0", "w-0", "g-7")),
        worker_group=st.just("w"),
        size=st.sampled_from(("c.small", "m.large", "large", "tiny")),
        cpus=st.integers(1, 64),
        disk_gb=st.integers(1, 2000),
        cards=st.integers(0, 4),
        slices=st.sampled_from((1, 1, 2, 3, 7)),
        gpu_model=st.sampled_from(("", "NVIDIA T4")),
    ),
    max_size=12,
)
PRICES = Prices(currency="EUR", acu_hour=0.1, disk_gb_hour=0.003, gpu_hour={"default": 3})


@settings(deadline=None)
@given(found=lifetimes, start=st.integers(0, 12 * DAY), lasts=st.integers(1, 12 * DAY))
def test_parts_sum_up_to_the_whole(found: list[Lifetime], start: int, lasts: int) -> None:
    period, hosts = Period(start, start + lasts), [HostUsage(host="h", lifetimes=tuple(found))]
    exact = sum(
        max(0, min(one.end, period.end) - max(one.start, period.start)) * one.disk_gb
        for one in found
    )
    for by in By:
        report = usage_report(period, by, hosts, prices=PRICES)
        disk = [i.quantity for i in report.total.items if i.item is Item.DISK]
        assert disk == ([float(round(Fraction(exact, 3600), 6))] if report.rows else [])
        near = pytest.approx(report.total.node_hours, abs=1e-6 * (len(report.rows) + 1))
        assert sum(one.node_hours for one in report.rows) == near
        costs = [one.cost for one in report.rows if one.cost is not None]
        assert len(costs) == len(report.rows)
        assert sum(costs) == pytest.approx(report.total.cost, abs=1e-6 * (len(costs) + 1))


@settings(deadline=None)
@given(found=lifetimes, cut=st.integers(1, 15 * DAY - 1))
def test_two_periods_are_the_one_they_make(found: list[Lifetime], cut: int) -> None:
    hosts = [HostUsage(host="h", lifetimes=tuple(found))]
    whole, first, second = (
        usage_report(Period(*times), By.GROUP, hosts).total
        for times in ((0, 15 * DAY), (0, cut), (cut, 15 * DAY))
    )
    assert first.node_hours + second.node_hours == pytest.approx(whole.node_hours, abs=2e-6)
    for one in whole.items:
        parts = [
            part.quantity
            for total in (first, second)
            for part in total.items
            if (part.item, part.gpu_model, part.gpu_unit) == (one.item, one.gpu_model, one.gpu_unit)
        ]
        assert sum(parts) == pytest.approx(one.quantity, abs=2e-6)


def test_one_group_alone() -> None:
    one = Lifetime(id="1", group="a", slot="w-0", cpus=1, disk_gb=1, start=0, end=3600)
    hosts = [HostUsage(host="h", lifetimes=(one, one.model_copy(update={"id": "2", "group": "b"})))]
    report = usage_report(Period(0, 7200), By.GROUP, hosts, group="b")
    assert [shown.group for shown in report.rows] == ["b"]
    assert report.total.node_hours == 1
