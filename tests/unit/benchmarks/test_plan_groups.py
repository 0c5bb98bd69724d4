"""A plan of ten groups: what is counted, and which bounds hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.lab import LabPlan
from benchmarks.plan_groups import GROUPS, Plan, accepted, changes_of, misses, row, specs

JOURNAL = """\
Server listening on 0.0.0.0 port 22.
Accepted publickey for root from 10.0.0.1 port 52344 ssh2: ED25519 SHA256:x
pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)
Connection closed by 10.0.0.1 port 52346 [preauth]
Accepted publickey for root from 10.0.0.1 port 52348 ssh2: ED25519 SHA256:x
"""
ONCE, TWICE = {"lab1": 1, "lab2": 1}, {"lab1": 1, "lab2": 2}


def plan(wall_s: float, logins: dict[str, int], *changes: tuple[str, ...]) -> Plan:
    return Plan(wall_s=wall_s, cpu_s=wall_s / 2, logins=logins, changes=changes)


def test_logins_are_those_that_were_let_in() -> None:
    assert accepted(JOURNAL) == 2
    assert accepted("") == 0


@pytest.mark.parametrize("count", [2, 3, 30])
def test_its_groups_are_valid_on_a_lab(tmp_path: Path, count: int) -> None:
    plan_of_lab = LabPlan(id="0", subnet="198.18.1", count=count)
    project = wiring.project_files(tmp_path)
    project.write_fleet(project.rendered("lab_fleet.yml.j2", hosts=plan_of_lab.hosts))
    (tmp_path / "groups").mkdir()
    for name, text in specs([host.name for host in plan_of_lab.hosts]).items():
        (tmp_path / "groups" / f"{name}.yml").write_text(text)
    assert len(project.groups(project.fleet())) == GROUPS


def test_plans_are_compared_by_what_happens_to_which_node() -> None:
    change = {"node": "head", "host": "lab1", "action": "start", "reason": "new"}
    output = json.dumps([{"group": "g0", "namespace": "g0-1", "changes": [change]}])
    assert changes_of(output) == (("g0", "head", "lab1", "start"),)


def test_within_the_bounds() -> None:
    ours, theirs = [plan(1.0, ONCE), plan(1.2, ONCE)], [plan(5.0, TWICE), plan(5.1, TWICE)]
    assert misses(ours, theirs) == []
    assert misses(ours, []) == []
    assert row("peer", theirs).split() == ["peer", "5.05", "2.52", "1", "to", "2"]


def test_each_bound_is_missed_by_name() -> None:
    ours, theirs = [plan(2.0, TWICE, ("g0", "head"))], [plan(7.9, ONCE)]
    assert misses(ours, theirs) == [
        "a plan logs in to a host [1, 2] times, not 1",
        "the two builds plan differently",
        "a plan is not 4 times as fast as the peer's",
    ]
