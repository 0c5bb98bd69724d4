"""`adbray usage` beside systemd's own word, over scaling, a killed worker and a lost head."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.conftest import E2E_JOBS, Project
from tests.e2e.elastic import inits, until
from tests.e2e.guarded import NAME, applied, heads, leader
from tests.soak.journal import Ran, moment, starts

# What each is billed for an hour: GiB of disk, and cores times the factor of the size's family.
RATES = {"head": (1, 1.6), "standby": (1, 1.6), "m": (2, 1.25), "v": (1, 2.0)}
PRICES = {"acu": 0.05, "disk": 0.001}
CLAIMS = ("kept", "held")
SPEC = f"""\
kind: RayCluster
name: {NAME}
head:
  size: c.medium
  disk_gb: 1
  hosts: {{names: [lab1, lab2]}}
  standby: 1
  virtual_ip: VIRTUAL
redis: {{maxmemory_mb: 64, hosts: {{names: [lab3]}}}}
worker_groups:
  - {{name: m, size: m.small, disk_gb: 2, min_workers: 1, max_workers: 1, hosts: {{names: [lab3]}}}}
  - {{name: v, size: micro, disk_gb: 1, min_workers: 1, max_workers: 3, hosts: {{names: [lab3]}}}}
drain_timeout_s: 5
idle_timeout_s: 4
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A head, its standby, and a host with Redis and workers of two sizes."""
    with applied(tmp_path_factory.mktemp("usage"), 3, SPEC) as project:
        fleet = project.directory / "fleet.yml"
        prices = f"acu_hour: {PRICES['acu']}, disk_gb_hour: {PRICES['disk']}"
        fleet.write_text(f"{fleet.read_text()}prices: {{currency: EUR, {prices}}}\n")
        yield project


@dataclass
class Noted:
    """What ran by systemd's journals; of a host that was killed, what it said just before."""

    site: Project
    slots: dict[str, str]
    lost: list[Ran] = field(default_factory=list)

    def all(self) -> list[Ran]:
        """Of all hosts that are up, and of those before they were killed."""
        return self.lost + [
            one
            for host, init in inits(self.site).items()
            for kind in ("head", "worker")
            for one in starts(host, init, f"adbray-{kind}@{NAME}.")
        ]

    def kill(self, host: str) -> float:
        """As a power cut; ends what runs there when its timer last looked. Gives the moment."""
        init = inits(self.site)[host]

        def looked() -> float:
            return moment(init, "adbray-usage.service", "InactiveExitTimestamp")

        # Not as it looks once more.
        until(lambda: 2 < time.time() - looked() < 45)
        seen, ran = looked(), starts(host, init, f"adbray-head@{NAME}.")
        self.site.ok("lab", "kill", host)
        killed = time.time()
        self.lost += [one if one.end else replace(one, end=seen) for one in ran]
        return killed

    def kin(self, ran: Ran) -> str:
        """Its worker group, or what its host has of the head."""
        name = ran.unit.removesuffix(".service").partition("@")[2].rpartition(".")[2]
        return self.slots[ran.host] if "-head@" in ran.unit else name.rpartition("-")[0]

    def of(self, ran: Iterable[Ran], kin: str) -> list[Ran]:
        return [one for one in ran if self.kin(one) == kin]


def run_now(init: int, count: int) -> bool:
    """Whether so many workers of v run, by systemd."""
    ran = starts("lab3", init, f"adbray-worker@{NAME}.v-")
    return sum(1 for one in ran if one.end is None) == count


def submit(site: Project, *words: str, wait: bool = True) -> None:
    options = () if wait else ("--no-wait",)
    command = ("job", "submit", NAME, *options, "--working-dir", str(E2E_JOBS), "--")
    site.ok(*command, "python", *words)


def demand(site: Project, count: int, hold_s: int) -> None:
    submit(site, "demand.py", str(count), str(hold_s), '{"num_cpus": 2}', wait=False)


def iso(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def told(site: Project, first: float, last: float) -> dict[str, dict[str, Any]]:
    """The report of a time by worker group, its parts by name; as CSV it says the same."""
    words = ("usage", NAME, "--by", "worker-group", "--from", iso(first), "--to", iso(last))
    report = json.loads(site.ok(*words, "--json"))
    assert report["complete"]
    assert report["start"] == iso(first) + "Z"
    assert report["end"] == iso(last) + "Z"
    rows = {row["worker_group"]: row for row in report["rows"]}
    listed = [
        (row["worker_group"], one["item"], one["quantity"], one["cost"])
        for row in report["rows"]
        for one in row["items"]
    ]
    lines = csv.DictReader(io.StringIO(site.ok(*words, "--csv")))
    assert [
        (line["worker_group"], line["item"], float(line["quantity"]), float(line["cost"]))
        for line in lines
    ] == listed
    return rows


def require_equal(noted: Noted, ran: list[Ran], first: float, last: float) -> None:
    """What is billed of that time is what ran, to a second for each start there was in it."""
    rows = told(noted.site, first, last)
    for kin, (disk_gb, acu) in RATES.items():
        lives = [one for one in noted.of(ran, kin) if one.seconds(first, last) > 0]
        seconds = sum(one.seconds(first, last) for one in lives)
        found = rows.get(kin, {"node_hours": 0.0, "items": [], "cost": 0.0})
        off = found["node_hours"] * 3600 - seconds
        sys.stderr.write(f"{kin}: {len(lives)} starts, {seconds:.2f} s, billed {off:+.2f} s\n")
        assert abs(off) <= len(lives), (kin, lives, found)
        items = {one["item"]: one["quantity"] for one in found["items"]}
        hours = found["node_hours"]
        wanted = {"disk_gb_hours": disk_gb * hours, "acu_hours": acu * hours} if lives else {}
        assert items == pytest.approx(wanted, abs=1e-5)
        cost = (acu * PRICES["acu"] + disk_gb * PRICES["disk"]) * hours
        assert found["cost"] == pytest.approx(cost, abs=1e-5)


def test_what_is_billed_is_what_ran_with_the_head_lost_in_the_middle(site: Project) -> None:
    status = site.json("status", NAME)["slots"]
    slots = {s["host"]: s["slot"].partition("-")[0] for s in status if s["kind"] == "head"}
    noted = Noted(site, slots)
    until(lambda: sorted(heads(site).values()) == ["running", "standby"])
    began = time.time()
    init = inits(site)["lab3"]
    demand(site, 3, 10)
    until(lambda: run_now(init, 3))
    until(lambda: run_now(init, 1))
    # Detached actors keep two workers through the failover; the third goes.
    for name in CLAIMS:
        submit(site, "claim.py", "take", name, '{"num_cpus": 2}')
    demand(site, 1, 5)
    until(lambda: run_now(init, 3))
    old = leader(site)
    killed = noted.kill(old)
    until(lambda: leader(site) not in {"", old}, 120)
    silent = site.adbray("usage", NAME, "--json")
    assert silent.code == 1
    assert json.loads(silent.out)["complete"] is False
    until(lambda: run_now(init, 2), 120)
    site.on("lab3", f"systemctl kill -s KILL adbray-worker@{NAME}.m-0.service")
    site.ok("lab", "start", old)
    until(lambda: sorted(heads(site).values()) == ["running", "standby"], 120)
    back = time.time()
    for name in CLAIMS:
        submit(site, "claim.py", "wait", name)
        submit(site, "claim.py", "drop", name)
    until(lambda: run_now(init, 1))
    demand(site, 2, 5)
    until(lambda: run_now(init, 2))
    until(lambda: run_now(init, 1))
    ended = time.time()
    ran = noted.all()
    assert len(noted.of(ran, "v")) >= 6, "workers came and went"
    assert len(noted.of(ran, "m")) == 2, "the one that was killed was started again"
    assert len(noted.of(ran, slots[old])) == 2
    edges = [int(began), int(killed), int(back), int(ended)]
    for first, last in (*pairwise(edges), (edges[0], edges[-1])):
        sys.stderr.write(f"{iso(first)} to {iso(last)}, {last - first} s\n")
        require_equal(noted, ran, first, last)
    parts = [told(site, a, b) for a, b in pairwise(edges)]
    whole = told(site, edges[0], edges[-1])
    for kin, row in whole.items():
        hours = sum(part[kin]["node_hours"] for part in parts if kin in part)
        assert hours == pytest.approx(row["node_hours"], abs=5e-6), "parts are the whole"
