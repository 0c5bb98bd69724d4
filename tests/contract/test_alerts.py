"""Alerts: that they fire and clear, stand on metrics that exist, and have a runbook each."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from adbray_ctl.core.desired.scrapes import monitoring_of
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.contract.prometheus import ROOT, own_metrics, promtool, ray_panels

PROMETHEUS = ROOT / "roles" / "prometheus"
RULES = sorted((PROMETHEUS / "files" / "rules").glob("*.yml"))
TESTS = ROOT / "tests" / "alerts"


def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_alerts_fire_and_clear(path: Path) -> None:
    promtool("test", "rules", str(TESTS / path.name))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_each_alert_is_tested_when_it_fires_and_when_it_does_not(path: Path) -> None:
    found = yaml.safe_load((TESTS / path.name).read_text(encoding="utf-8"))
    tried = [one for test in found["tests"] for one in test["alert_rule_test"]]
    fires = {one["alertname"] for one in tried if one["exp_alerts"]}
    silent = {one["alertname"] for one in tried if not one["exp_alerts"]}
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    named = {rule["alert"] for group in groups for rule in group["rules"]}
    assert fires == silent == named


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\w+)$", text, flags=re.MULTILINE)
    assert sorted(headings) == sorted(rule["alert"] for rule in rules())
    for rule in rules():
        anchor = rule["alert"].lower()
        assert rule["annotations"]["runbook_url"] == f"docs/alerts.md#{anchor}"


def test_alerts_stand_on_metrics_that_were_seen() -> None:
    seen = {"up"} | own_metrics() | ray_panels()
    for path in (TESTS / "metrics").glob("*.txt"):
        seen |= {line for line in path.read_text().splitlines() if not line.startswith("#")}
    for rule in rules():
        used = set(re.findall(r"\b(?:up|(?:ray|redis|node|adbray)_\w+)\b", rule["expr"]))
        assert used, rule["alert"]
        assert used <= seen, (rule["alert"], used - seen)


@pytest.mark.parametrize("redis", ["managed", "sentinel", "none"])
def test_prometheus_takes_the_configuration(redis: str, tmp_path: Path) -> None:
    hosts = [{"name": name, "address": f"10.0.0.{n}"} for n, name in enumerate("abc", 1)]
    fleet = Fleet.model_validate({"kind": "Fleet", "hosts": hosts, "monitoring": {"host": "a"}})
    group = {"name": "w", "size": "small"}
    document = {"kind": "RayCluster", "name": "demo", "worker_groups": [group]}
    spec = RayClusterSpec.model_validate(document | {"redis": {"mode": redis}})
    room = dict.fromkeys("abc", Capacity(cpus=64, memory_mb=2**18, disk_gb=4000))
    topology = place(fleet=fleet, spec=spec, capacities=room, records=())
    found = monitoring_of(fleet, spec, topology)
    assert found is not None
    template = (PROMETHEUS / "templates" / "shared.yml.j2").read_text(encoding="utf-8")
    given = {"prometheus_port": 9090, "prometheus_alertmanager_port": 9093, "prometheus_path": "/"}
    shared = jinja2.Template(template).render(_prometheus_etc=str(tmp_path), **given)
    lines = "".join(f"  - {json.dumps(scrape)}\n" for scrape in found.scrapes)
    for folder in ("rules", "nodes"):
        (tmp_path / folder).mkdir()
    for path in RULES:
        shutil.copy(path, tmp_path / "rules")
    (tmp_path / "nodes" / "demo.json").write_text(json.dumps(found.nodes))
    (tmp_path / "prometheus.yml").write_text(f"{shared}\n{lines}")
    promtool("check", "config", str(tmp_path / "prometheus.yml"))
