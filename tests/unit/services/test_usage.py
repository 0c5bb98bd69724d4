"""A scripted hour on three hosts, written down by their own script, and billed by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adbray_ctl.core.errors import SpecError, UsageError
from adbray_ctl.core.usage.usage import By, Item, UsageReport
from adbray_ctl.services.usage import usage
from tests.unit.usage_host import UsageHost, asking, tick

FLEET = """\
kind: Fleet
hosts:
  - {name: a, address: 10.0.0.1}
  - {name: b, address: 10.0.0.2}
  - {name: c, address: 10.0.0.3}
  - {name: d, address: 10.0.0.4, retired: true}
prices: {currency: EUR, acu_hour: 0.05, disk_gb_hour: 0.001, gpu_hour: {default: 3}}
"""
ALONE = "kind: Fleet\nhosts: [{name: a, address: 10.0.0.1}]\n"
TEN = int(datetime(2026, 10, 1, 10, tzinfo=UTC).timestamp())


def minute(minutes: float) -> float:
    return TEN + minutes * 60


def an_hour(base: Path) -> tuple[UsageHost, UsageHost, UsageHost]:
    """Workers come and go, the head's host dies and its standby leads, a GPU worker is killed."""
    a, b, c = (UsageHost(base / name) for name in "abc")
    a.record("head", "small", 1, 50)
    b.record("standby-0", "small", 1, 50)
    b.record("cpu-0", "c.large", 4, 100, worker_group="cpu")
    c.record("cpu-1", "c.large", 4, 100, worker_group="cpu")
    c.record("gpu-0", "m.xlarge", 8, 200, worker_group="gpu", gpu={"cards": [0], "slices": 3})
    a.start("head", "h1", minute(0))
    b.start("head", "s1", minute(0))
    b.start("cpu-0", "w1", minute(0))
    for at in range(10):
        tick(minute(at + 0.5), a, b, c)
    c.start("cpu-1", "x1", minute(10))
    for at in range(10, 20):
        tick(minute(at + 0.5), a, b, c)
    a.power_off()  # at 10:20; it was last seen to run at 10:19:30
    for at in range(20, 30):
        tick(minute(at + 0.5), b, c)
    c.stop("cpu-1", minute(30))
    for at in range(30, 40):
        tick(minute(at + 0.5), b, c)
    a.record("standby-0", "small", 1, 50)
    a.tick(minute(40))
    a.start("head", "h2", minute(40))
    c.start("gpu-0", "g1", minute(45))
    c.stop("gpu-0", minute(51))
    c.start("gpu-0", "g2", minute(51) + 1)
    for at in range(51, 60):
        tick(minute(at + 0.5), a, b, c)
    return a, b, c


def figures(report: UsageReport) -> dict[str, dict[Item, float]]:
    return {row.worker_group: {one.item: one.quantity for one in row.items} for row in report.rows}


def test_an_hour_is_billed_as_by_hand(tmp_path: Path) -> None:
    hosts = an_hour(tmp_path)
    report = usage(asking(tmp_path, hosts, minute(60), FLEET), "demo", By.WORKER_GROUP, None, None)
    assert (report.start, report.end) == ("2026-10-01T00:00:00Z", "2026-10-01T11:00:00Z")
    assert figures(report) == {
        # cpu-0 for 60 minutes and cpu-1 for 20, each 4 cores times 0.8 and 100 GiB.
        "cpu": {Item.DISK: 133.333333, Item.ACU: 4.266667},
        # 360 s and 539 s of a third of a card, and of 200 GiB.
        "gpu": {Item.DISK: 49.944444, Item.GPU: 0.083241},
        # 19.5 minutes up to when it was last seen.
        "head": {Item.DISK: 16.25, Item.ACU: 0.325},
        # An hour on b, which led for 40 minutes of it, and 20 minutes on a, back again.
        "standby": {Item.DISK: 66.666667, Item.ACU: 1.333333},
    }
    seconds = 3600 + 1200 + 899 + 1170 + 3600 + 1200
    assert report.total.node_hours == round(seconds / 3600, 6)
    # 266.194444 GiB-hours, 5.925 ACU-hours, 899/10800 GPU-hours.
    assert report.total.cost == round(0.266194444 + 0.29625 + 0.249722222, 6)


def test_a_head_that_is_lost_for_good_takes_nothing_but_its_own(tmp_path: Path) -> None:
    _, b, c = an_hour(tmp_path)
    report = usage(asking(tmp_path, (b, c), minute(60), FLEET), "demo", By.WORKER_GROUP, None, None)
    assert figures(report)["cpu"] == {Item.DISK: 133.333333, Item.ACU: 4.266667}
    assert figures(report)["gpu"] == {Item.DISK: 49.944444, Item.GPU: 0.083241}
    assert not report.complete
    assert report.problems == ("a: no answer",)


def test_a_deleted_groups_usage_stays(tmp_path: Path) -> None:
    hosts = an_hour(tmp_path)
    for host in hosts:
        for path in host.etc.iterdir():
            path.unlink()
    hosts[0].stop("head", minute(70))
    hosts[1].stop("head", minute(70))
    hosts[1].stop("cpu-0", minute(70))
    hosts[2].stop("gpu-0", minute(70))
    report = usage(asking(tmp_path, hosts, minute(100), FLEET), None, By.GROUP, None, None)
    # Ten minutes more of four nodes, and then no more.
    assert report.total.node_hours == round((11669 + 4 * 600) / 3600, 6)


def test_a_time_is_looked_at_as_it_is_told(tmp_path: Path) -> None:
    hosts = an_hour(tmp_path)
    start, end = (datetime(2026, 10, 1, 10, minutes, tzinfo=UTC) for minutes in (20, 40))
    found = asking(tmp_path, hosts, minute(60), FLEET)
    report = usage(found, "demo", By.WORKER_GROUP, start, end)
    assert figures(report) == {
        "cpu": {Item.DISK: 50, Item.ACU: 1.6},
        "standby": {Item.DISK: 16.666667, Item.ACU: 0.333333},
    }
    later = usage(found, "demo", By.GROUP, start, datetime(2027, 1, 1, tzinfo=UTC))
    assert later.end == "2026-10-01T11:00:00Z", "what is still to come was not looked at"


def test_who_is_silent_is_told_and_who_is_retired_noted(tmp_path: Path) -> None:
    a, _, c = an_hour(tmp_path)
    report = usage(asking(tmp_path, (a, c), minute(60), FLEET), None, By.GROUP, None, None)
    assert report.problems == ("b: no answer",)
    assert report.notes == ("without d, which is retired: no answer",)
    assert not report.complete


def test_a_time_before_what_hosts_keep_is_told(tmp_path: Path) -> None:
    a = UsageHost(tmp_path / "a")
    a.record("head", "small", 1, 50)
    july, august = (datetime(2025, month, 21, tzinfo=UTC) for month in (7, 8))
    for start_id, began in (("h1", july), ("h2", august)):
        a.start("head", start_id, began.timestamp())
        a.stop("head", began.timestamp() + 3600)
    since = july.replace(day=1)
    at = datetime(2026, 8, 31, 23, 59, tzinfo=UTC).timestamp()
    a.tick(at)
    found = asking(tmp_path, (a,), at, ALONE)
    assert usage(found, None, By.GROUP, since, None).total.node_hours == 2
    assert usage(found, None, By.GROUP, since, None).complete
    # Some hosts may still have July, and others not.
    found = asking(tmp_path, (a,), at + 60, ALONE)
    report = usage(found, None, By.GROUP, since, None)
    assert report.problems == (
        "hosts keep 13 months: what ended before 2025-08-01T00:00:00Z may be missing",
    )
    report = usage(found, None, By.GROUP, august.replace(day=1), None)
    assert (report.complete, report.total.node_hours) == (True, 1)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2026, 10, 2, tzinfo=UTC), None),
        (datetime(2026, 9, 2, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC)),
        (None, datetime(2026, 9, 2, tzinfo=UTC)),
    ],
)
def test_no_time_at_all_is_refused(
    start: datetime | None, end: datetime | None, tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        usage(asking(tmp_path, (), minute(60), FLEET), None, By.GROUP, start, end)


@pytest.mark.parametrize(
    "prices",
    [
        "{currency: EUR, acu_hour: -1, disk_gb_hour: 0}",
        "{currency: EUR, acu_hour: '1', disk_gb_hour: 0}",
        "{acu_hour: 1, disk_gb_hour: 0}",
        "{currency: EUR, acu_hour: 1, disk_gb_hour: 0, gpu_hour: {'a\\nb': 1}}",
    ],
)
def test_prices_are_checked(prices: str, tmp_path: Path) -> None:
    text = FLEET[: FLEET.index("prices")] + f"prices: {prices}\n"
    with pytest.raises(SpecError, match="prices"):
        usage(asking(tmp_path, (), minute(60), text), None, By.GROUP, None, None)
