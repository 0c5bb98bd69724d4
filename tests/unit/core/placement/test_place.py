"""Placement: one case file a behaviour, under cases/place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from adbray_ctl.core.errors import PlacementError
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.placement.topology import Replacement, Topology
from adbray_ctl.core.slot.gpu import Card
from adbray_ctl.core.slot.ports import RANGES
from adbray_ctl.core.slot.record import Gpu, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec

CASES = sorted((Path(__file__).parents[2] / "cases" / "place").glob("*.yml"))


def _fleet(hosts: dict[str, dict[str, Any]], limits: dict[str, Any]) -> Fleet:
    entries = [
        {
            "name": name,
            "address": f"10.0.0.{n}",
            "labels": host.get("labels", {}),
            "retired": host.get("retired", False),
        }
        for n, (name, host) in enumerate(hosts.items(), start=1)
    ]
    return Fleet.model_validate({"kind": "Fleet", "hosts": entries, "limits": limits})


def _capacity(host: dict[str, Any]) -> Capacity | str:
    if "unreachable" in host:
        return str(host["unreachable"])
    cpus, memory_gb, disk_gb = host["room"]
    return Capacity(
        cpus=cpus,
        memory_mb=memory_gb * 1024,
        disk_gb=disk_gb,
        gpus=host.get("gpus", 0),
        card=Card(**host["card"]) if "card" in host else None,
    )


def _record(slot: str, fields: dict[str, Any]) -> tuple[str, SlotRecord]:
    host = fields.pop("host")
    base = {
        "group": "demo",
        "slot": slot,
        "kind": "worker",
        "address": "10.0.0.1",
        "ports": {},
        "namespace": "n",
        "revision": "r",
    }
    return host, SlotRecord.model_validate(base | fields)


def _place(case: dict[str, Any]) -> Topology:
    return place(
        fleet=_fleet(case["hosts"], case.get("limits", {})),
        spec=RayClusterSpec.model_validate({"kind": "RayCluster", "name": "demo"} | case["group"]),
        capacities={name: _capacity(host) for name, host in case["hosts"].items()},
        records=[_record(slot, dict(f)) for slot, f in case.get("standing", {}).items()],
        replacing=Replacement(**case["replacing"]) if "replacing" in case else None,
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_place(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    if "refused" in case:
        with pytest.raises(PlacementError) as caught:
            _place(case)
        for fragment in case["refused"]:
            assert fragment in str(caught.value)
        return
    topology = _place(case)
    assert {p.slot: p.host for p in topology.placements} == case["placed"]
    for slot, expected in case.get("facts", {}).items():
        placement = next(p for p in topology.placements if p.slot == slot)
        found = placement.model_dump(mode="json")
        for key, value in expected.items():
            # What is left out of a share in a case is as of whole cards.
            whole = Gpu.model_validate(value).model_dump(mode="json") if key == "gpu" else value
            assert found[key] == whole, key
    assert _place(case) == topology, "the same input must give the same placement"


def test_cases_exist() -> None:
    assert len(CASES) >= 12


def test_no_two_slots_share_a_port() -> None:
    case = {
        "hosts": {"a": {"room": [64, 256, 4000]}},
        "group": {
            "worker_groups": [{"name": "w", "size": "small", "disk_gb": 30, "max_workers": 20}]
        },
    }
    taken: set[int] = set()
    for placement in _place(case).placements:
        ports = dict(placement.ports)
        if "worker_min" in ports:
            # All nodes of a group share them: Ray has one proxy on each, whatever host it is on.
            assert (ports.pop("serve"), ports.pop("serve_grpc")) == (19000, 19001)
            ranges = [range(ports.pop(low), ports.pop(high) + 1) for low, high in RANGES]
            mine = set(ports.values()).union(*ranges)
            assert len(mine) == len(ports) + sum(map(len, ranges))
        else:
            mine = set(ports.values())
        assert not mine & taken
        assert max(mine) < 32768
        taken |= mine
