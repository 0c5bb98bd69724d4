"""Two groups over a midnight on three hosts, with all that is billed; every figure is by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl.core.usage.usage import By, Item, UsageReport, UsageRow
from adbray_ctl.services.usage import usage
from tests.unit.usage_host import UsageHost, asking, tick

FLEET = """\
kind: Fleet
hosts:
  - {name: a, address: 10.0.0.1}
  - {name: b, address: 10.0.0.2}
  - {name: c, address: 10.0.0.3}
prices:
  currency: EUR
  acu_hour: 0.05
  disk_gb_hour: 0.001
  gpu_hour: {NVIDIA H100 80GB HBM3: 2.4, default: 0.6}
"""
MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)
T4, H100 = "NVIDIA T4", "NVIDIA H100 80GB HBM3"


def at(minute: float) -> float:
    """From the midnight in the middle; what was before it is below zero."""
    return MIDNIGHT.timestamp() + minute * 60


def ticks(first: int, end: int, *hosts: UsageHost) -> None:
    """Half past each minute their timers look."""
    for minute in range(first, end):
        tick(at(minute + 0.5), *hosts)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> tuple[UsageHost, ...]:
    """From 23:30 to 0:45; the host of demo's head dies at 0:10, and is back at 0:30."""
    base = tmp_path_factory.mktemp("history")
    a, b, c = (UsageHost(base / name) for name in "abc")
    for bus, model in enumerate((T4, H100, H100)):
        c.card(f"0000:0{bus}:00.0", model)
    a.record("head", "c.small", 1, 50)
    a.record("w-0", "tiny", 3, 30, group="other", worker_group="w")
    b.record("standby-0", "c.small", 1, 50)
    b.record("etl-0", "m.large", 4, 100, worker_group="etl")
    b.record("head", "small", 1, 40, group="other")
    c.record("etl-1", "m.large", 4, 160, worker_group="etl")
    c.record("gpu-0", "xlarge", 8, 200, worker_group="gpu", gpu={"cards": [0], "slices": 3})
    c.record("big-0", "2xlarge", 16, 300, worker_group="big", gpu={"cards": [1, 2], "slices": 1})

    a.start("head", "h1", at(-30))
    a.start("w-0", "w1", at(-30), "other")
    b.start("head", "s1", at(-30))
    b.start("etl-0", "e1", at(-30))
    ticks(-30, -20, a, b, c)
    b.start("head", "o1", at(-20), "other")
    ticks(-20, -15, a, b, c)
    c.start("gpu-0", "g1", at(-15))
    ticks(-15, -5, a, b, c)
    b.record("etl-0", "m.large", 4, 160, worker_group="etl")
    b.written_at("etl-0", at(-5))
    ticks(-5, -3, a, b, c)
    c.stop("gpu-0", at(-3))
    c.start("gpu-0", "g2", at(-3) + 1)
    ticks(-3, 5, a, b, c)
    c.start("etl-1", "x1", at(5))
    ticks(5, 10, a, b, c)
    a.power_off()
    ticks(10, 12, b, c)
    c.start("big-0", "b1", at(12))
    ticks(12, 15, b, c)
    c.stop("gpu-0", at(15))
    ticks(15, 20, b, c)
    b.stop("etl-0", at(20))
    c.stop("etl-1", at(20))
    ticks(20, 30, b, c)
    a.start("head", "h2", at(30))
    a.start("w-0", "w2", at(30), "other")
    ticks(30, 40, a, b, c)
    a.stop("w-0", at(40), "other")
    ticks(40, 45, a, b, c)
    return a, b, c


def reported(
    directory: Path,
    hosts: Sequence[UsageHost],
    by: By,
    start: datetime | None,
    end: datetime | None = None,
    group: str | None = None,
) -> UsageReport:
    """The report at 0:45."""
    report = usage(asking(directory, hosts, at(45), FLEET), group, by, start, end)
    assert report.complete
    assert report.notes == ()
    return report


def row(one: UsageRow) -> dict[Any, Any]:
    """Its figures; GPUs by model and unit."""
    found: dict[Any, Any] = {"hours": one.node_hours, "cost": one.cost}
    for billed in one.items:
        if billed.item is Item.GPU:
            found.setdefault("gpu", {})[billed.gpu_model, billed.gpu_unit] = billed.quantity
        else:
            found[billed.item] = billed.quantity
    return found


BEGAN = MIDNIGHT.replace(month=9, day=30, hour=23, minute=30)
DEMO_COST = round(0.521194444 + 0.357166667 + 2.64 + 0.099944444, 6)


def test_by_worker_group(hosts: tuple[UsageHost, ...], tmp_path: Path) -> None:
    report = reported(tmp_path, hosts, By.WORKER_GROUP, BEGAN)
    assert {(one.group, one.worker_group): row(one) for one in report.rows} == {
        # 33 minutes of two cards and of 300 GiB.
        ("demo", "big"): {
            "hours": 0.55,
            Item.DISK: 165,
            "gpu": {(H100, "2"): 1.1},
            "cost": 2.805,
        },
        # 25 minutes of 100 GiB, 25 of 160, and 15 of 160 on c; 65 minutes of four cores times 1.25.
        ("demo", "etl"): {
            "hours": 1.083333,
            Item.DISK: 148.333333,
            Item.ACU: 5.416667,
            "cost": 0.419167,
        },
        # 720 s and, a second later, 1079 s of a third of a card.
        ("demo", "gpu"): {
            "hours": 0.499722,
            Item.DISK: 99.944444,
            "gpu": {(T4, "1/3"): 0.166574},
            "cost": 0.199889,
        },
        # 39.5 minutes up to when it was last seen, and 15 after it was back.
        ("demo", "head"): {
            "hours": 0.908333,
            Item.DISK: 45.416667,
            Item.ACU: 0.726667,
            "cost": 0.08175,
        },
        # It led from 0:10 on, and is what it was placed as.
        ("demo", "standby"): {"hours": 1.25, Item.DISK: 62.5, Item.ACU: 1, "cost": 0.1125},
        ("other", "head"): {
            "hours": 1.083333,
            Item.DISK: 43.333333,
            Item.ACU: 1.083333,
            "cost": 0.0975,
        },
        # 39.5 minutes and 10 on the host that died.
        ("other", "w"): {"hours": 0.825, Item.DISK: 24.75, Item.ACU: 2.475, "cost": 0.1485},
    }


def test_by_group(hosts: tuple[UsageHost, ...], tmp_path: Path) -> None:
    report = reported(tmp_path, hosts, By.GROUP, BEGAN)
    demo = {
        "hours": round(15449 / 3600, 6),
        Item.DISK: 521.194444,
        Item.ACU: 7.143333,
        "gpu": {(T4, "1/3"): 0.166574, (H100, "2"): 1.1},
        "cost": DEMO_COST,
    }
    other = {"hours": 1.908333, Item.DISK: 68.083333, Item.ACU: 3.558333, "cost": 0.246}
    assert {one.group: row(one) for one in report.rows} == {"demo": demo, "other": other}
    assert row(report.total) == {
        **demo,
        "hours": round((15449 + 6870) / 3600, 6),
        Item.DISK: 589.277778,
        Item.ACU: 10.701667,
        "cost": round(DEMO_COST + 0.246, 6),
    }
    alone = reported(tmp_path, hosts, By.GROUP, BEGAN, group="demo")
    assert [row(one) for one in (*alone.rows, alone.total)] == [demo, demo]


def test_by_day(hosts: tuple[UsageHost, ...], tmp_path: Path) -> None:
    report = reported(tmp_path, hosts, By.DAY, BEGAN)
    days = {(one.day, one.group): row(one) for one in report.rows}
    for one in days.values():
        del one["cost"]
    # Half an hour of head, standby and etl-0, whose disk grew for the last five minutes of it; 899
    # seconds of gpu-0. The other group: its head for 20 minutes, its worker for 30.
    before = {
        ("2026-09-30", "demo"): {
            "hours": round((3 * 1800 + 899) / 3600, 6),
            Item.DISK: 154.944444,
            Item.ACU: 3.3,
            "gpu": {(T4, "1/3"): 0.083241},
        },
        ("2026-09-30", "other"): {"hours": 0.833333, Item.DISK: 28.333333, Item.ACU: 1.833333},
    }
    after = {
        ("2026-10-01", "demo"): {
            "hours": round(9150 / 3600, 6),
            Item.DISK: 366.25,
            Item.ACU: 3.843333,
            "gpu": {(T4, "1/3"): 0.083333, (H100, "2"): 1.1},
        },
        ("2026-10-01", "other"): {"hours": 1.075, Item.DISK: 39.75, Item.ACU: 1.725},
    }
    assert days == before | after
    month = reported(tmp_path, hosts, By.DAY, None)
    assert [(one.day, one.group) for one in month.rows] == list(after), "October alone"
    assert month.start == "2026-10-01T00:00:00Z"


def test_the_twenty_minutes_around_the_failover(
    hosts: tuple[UsageHost, ...], tmp_path: Path
) -> None:
    report = reported(tmp_path, hosts, By.GROUP, MIDNIGHT, MIDNIGHT.replace(minute=20))
    assert {one.group: row(one) for one in report.rows} == {
        # Of head, standby, etl-0, etl-1, gpu-0 and big-0 9.5, 20, 20, 15, 15 and 8 minutes.
        "demo": {
            "hours": 1.458333,
            Item.DISK: 207.916667,
            Item.ACU: 3.31,
            "gpu": {(T4, "1/3"): 0.083333, (H100, "2"): 0.266667},
            "cost": round(0.207916667 + 0.1655 + 0.05 + 0.64, 6),
        },
        "other": {
            "hours": 0.491667,
            Item.DISK: 18.083333,
            Item.ACU: 0.808333,
            "cost": round(0.018083333 + 0.040416667, 6),
        },
    }


def test_what_ended_in_a_month_is_in_its_file(hosts: tuple[UsageHost, ...]) -> None:
    """The part of etl-0 before its disk grew, and the first start of gpu-0, are September's."""
    _, b, c = hosts
    for host, lines in ((b, [1, 1]), (c, [1, 2])):
        assert host.months() == ["2026-09.jsonl", "2026-10.jsonl"]
        written = [(host.data / month).read_text().splitlines() for month in host.months()]
        assert [len(month) for month in written] == lines
