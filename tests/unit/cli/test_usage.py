"""`adbray usage`: what it prints, and what its exit code says."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.cli import app
from adbray_ctl.cli.commands.usage import usage
from adbray_ctl.cli.render.usage import print_usage, write_csv
from adbray_ctl.cli.state import State
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.spec.prices import Prices
from adbray_ctl.core.usage.billing import usage_report
from adbray_ctl.core.usage.usage import By, HostUsage, Lifetime, Period, UsageReport
from adbray_ctl.testing.insight import FakeUsageLog

FLEET = "kind: Fleet\nhosts: [{name: a, address: 10.0.0.1}]\n"
CPU = Lifetime(
    id="1", group="demo", slot="w-0", worker_group="w", size="c.large", cpus=4, disk_gb=100,
    start=0, end=1200,
)  # fmt: skip
GPU = CPU.model_copy(
    update={"id": "2", "slot": "g-0", "worker_group": "g", "cards": 1, "slices": 3}
)


def report(by: By, *lifetimes: Lifetime, prices: Prices | None = None) -> UsageReport:
    hosts = (HostUsage(host="a", lifetimes=lifetimes),)
    return usage_report(Period(0, 3600), by, hosts, prices=prices)


def test_the_table_has_a_row_each_and_their_sum(capsys: pytest.CaptureFixture[str]) -> None:
    prices = Prices(currency="EUR", acu_hour=3, disk_gb_hour=0.3)
    print_usage(report(By.WORKER_GROUP, CPU, GPU, prices=prices))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["from", "1970-01-01T00:00:00Z", "to", "1970-01-01T01:00:00Z"]
    assert lines[2][:5] == ["demo", "g", "0.33", "33.33", "-"]
    assert lines[2][5:] == ["0.11", "of", "an", "unknown", "GPU,", "unit", "1/3", "?"]
    assert lines[3] == ["demo", "w", "0.33", "33.33", "1.07", "-", "13.20"]
    assert lines[4][:4] == ["all", "0.67", "66.67", "1.07"]
    assert lines[5] == ["no", "price", "of", "an", "unknown", "GPU"]


def test_nothing_is_told_too(capsys: pytest.CaptureFixture[str]) -> None:
    print_usage(report(By.DAY))
    assert "nothing ran" in capsys.readouterr().out


def test_csv_has_a_line_for_each_thing_billed(capsys: pytest.CaptureFixture[str]) -> None:
    prices = Prices(currency="EUR", acu_hour=3, disk_gb_hour=0.3, gpu_hour={"default": 0.00003})
    write_csv(report(By.DAY, CPU, GPU, prices=prices))
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["item"], row["quantity"], row["cost"]) for row in rows] == [
        ("disk_gb_hours", "66.666667", "20"),
        ("acu_hours", "1.066667", "3.2"),
        ("gpu_hours", "0.111111", "0.000003"),
    ]
    assert rows[2]["gpu_unit"] == "1/3"
    assert {(row["day"], row["group"], row["worker_group"], row["currency"]) for row in rows} == {
        ("1970-01-01", "demo", "", "EUR")
    }


def test_csv_without_prices_has_no_costs(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(report(By.GROUP, CPU))
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["cost"], row["currency"]) for row in rows] == [("", ""), ("", "")]


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]], ids=str)
def test_a_silent_host_is_a_failure_after_what_is_known(
    form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fleet.yml").write_text(FLEET)
    state = State(directory=tmp_path)
    vars(state)["tools"] = replace(wiring.tools(tmp_path), usage=FakeUsageLog())
    with pytest.raises(HostError, match=r"incomplete:\na: no answer") as error:
        usage.main(args=form, obj=state, standalone_mode=False)
    assert "`retired: true`" in (error.value.hint or "")
    shown = capsys.readouterr().out
    if form == ["--json"]:
        assert json.loads(shown)["complete"] is False
        assert json.loads(shown)["problems"] == ["a: no answer"]
    else:
        assert shown.startswith("from")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--csv"],
        ["--from", "yesterday"],
        ["--by", "month"],
        ["--from", "2026-02-30"],
        ["--from", "2026-03", "--to", "2026-02"],
        ["../etc"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_exits_2(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "fleet.yml").write_text(FLEET)
    assert app.run(["-C", str(tmp_path), "usage", *arguments]) == 2
