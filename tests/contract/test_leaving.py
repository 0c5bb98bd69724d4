"""Hosts that leave a watched group: what Prometheus scrapes from then on, before they are gone.

Play and task are rendered by Ansible itself, over the inventory that an apply writes.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import Templar, trust_as_template

from adbray_ctl import wiring
from adbray_ctl.core.inventory.site import Inventory
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.services import apply
from adbray_ctl.services.plan import Prepared
from adbray_ctl.testing.outside import Outside
from tests.unit.cluster import desired, placed, planned
from tests.unit.core.watched_group import fleet, monitored, watched

ROOT = Path(__file__).resolve().parents[2]
DELETE = ROOT / "playbooks" / "delete.yml"
TASKS = ROOT / "roles" / "prometheus" / "tasks" / "delete.yml"


def spec(*names: str) -> RayClusterSpec:
    workers = {"size": "small", "min_workers": len(names), "max_workers": len(names)}
    group = {"name": "w", "hosts": {"names": list(names)}} | workers
    base = {"kind": "RayCluster", "name": "demo", "head": {"hosts": {"names": ["a"]}}}
    return RayClusterSpec.model_validate(base | {"worker_groups": [group]})


def leave(
    directory: Path, asked: Fleet, before: RayClusterSpec, after: RayClusterSpec, watching: str
) -> Inventory:
    """The inventory that the hosts which leave are removed with."""
    seen: Observed = watched(asked, before, **{watching: "r1"})
    prepared = Prepared(
        fleet=asked,
        spec=after,
        observed=seen,
        desired=desired(asked, after, placed(asked, after, seen), seen),
        plan=planned(asked, after, seen),
    )
    (step,) = (step for step in prepared.plan.steps if step.leaving)
    outside = Outside(wiring.project_files(directory), seen)
    outside.secrets.create("demo")
    apply.carry_out(outside.tools, prepared, step, lambda _: None)
    assert outside.journal.of("run") == ["run delete"]
    ((_, inventory),) = outside.inventories.history
    return inventory


def scraped(inventory: Inventory, host: str, nodes: Any) -> list[str]:
    """The hosts of ``nodes`` that are left of them on ``host`` by the playbook's first play."""
    play = yaml.safe_load(DELETE.read_text())[0]
    (task,) = play["tasks"]
    assert host in inventory.groups[play["hosts"]]
    text = base64.b64encode(json.dumps(nodes).encode()).decode()
    known = {"groups": inventory.groups, "inventory_hostname": host}
    leaving = rendered(task["vars"]["prometheus_leaving"], known)
    known = {"prometheus_leaving": leaving, "__prometheus_measured": {"content": text}}
    write = yaml.safe_load(TASKS.read_text())[0]["block"][-1]
    (file,) = write["adbray.ray.managed_files"]["files"]
    return [node["labels"]["host"] for node in json.loads(rendered(file["content"], known))]


def rendered(text: str, known: dict[str, Any]) -> Any:
    return Templar(variables=known).template(trust_as_template(text))


@pytest.mark.parametrize("watching", ["m", "c"])
def test_who_leaves_is_scraped_no_longer_unless_it_watches(tmp_path: Path, watching: str) -> None:
    asked = fleet(host=watching)
    before, _ = monitored(asked, spec("a", "b", "c"))
    inventory = leave(tmp_path, asked, spec("a", "b", "c"), spec("a", "b"), watching)
    assert inventory.groups["adbray_hosts"] == ("c",)
    assert scraped(inventory, watching, before.nodes) == ["a", "b", watching]
