"""Which ports a group's Serve has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from adbray_ctl.core.errors import PlacementError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.placement.serve import serve_ports
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.unit.cluster import applied

HOSTS = [{"name": name, "address": f"10.0.0.{n}"} for n, name in enumerate("abc", start=1)]
MONITORING = {"host": "c", "node_exporter_port": 19003}


def _fleet(**keys: Any) -> Fleet:
    return Fleet.model_validate({"kind": "Fleet", "hosts": HOSTS} | keys)


def _spec(name: str = "demo", /, **ports: int) -> RayClusterSpec:
    workers = [{"name": "w", "size": "small", "disk_gb": 30, "max_workers": 3}]
    document = {"kind": "RayCluster", "name": name, "worker_groups": workers}
    return RayClusterSpec.model_validate(document | {"head": {"ports": ports}})


def _at(
    host: str, group: str, serve: int, grpc: int, kind: SlotKind = SlotKind.WORKER
) -> tuple[str, SlotRecord]:
    return host, SlotRecord(
        group=group,
        slot=str(kind),
        kind=kind,
        address="10.0.0.1",
        block=0,
        ports={"serve": serve, "serve_grpc": grpc},
        namespace="n",
        revision="r",
    )


OTHER = _at("b", "other", 19000, 19001)


@pytest.mark.parametrize(
    ("ports", "records", "expected"),
    [
        pytest.param({}, [], (19000, 19001), id="the lowest"),
        pytest.param({}, [OTHER], (19002, 19003), id="the lowest free"),
        pytest.param({}, [_at("b", "other", 8000, 19001)], (19002, 19003), id="a whole pair"),
        pytest.param({"gcs": 19000, "client": 19003}, [], (19004, 19005), id="not the head's"),
        pytest.param({}, [OTHER, _at("a", "demo", 19004, 19005)], (19004, 19005), id="kept"),
        pytest.param(
            {},
            [_at("a", "demo", 19004, 19005), _at("c", "demo", 19002, 19003, SlotKind.HEAD)],
            (19002, 19003),
            id="kept as the head has them",
        ),
        pytest.param(
            {}, [OTHER, _at("a", "demo", 19000, 19001)], (19000, 19001), id="kept on other hosts"
        ),
        pytest.param(
            {}, [OTHER, _at("b", "demo", 19000, 19001)], (19002, 19003), id="not kept beside others"
        ),
        pytest.param({}, [_at("a", "demo", 8000, 19003)], (19000, 19001), id="written no more"),
        pytest.param({"serve": 8000, "serve_grpc": 9000}, [OTHER], (8000, 9000), id="written"),
        pytest.param({"serve": 8000}, [], (8000, 19001), id="one written"),
        pytest.param({"serve": 19001}, [], (19001, 19003), id="one written, of a pair"),
        pytest.param({"serve_grpc": 19001}, [OTHER], (19002, 19001), id="one written, of others"),
        pytest.param(
            {"serve": 8000},
            [_at("a", "demo", 8000, 19005)],
            (8000, 19005),
            id="one written, the other kept",
        ),
    ],
)
def test_choice(
    ports: dict[str, int], records: list[tuple[str, SlotRecord]], expected: tuple[int, int]
) -> None:
    assert serve_ports(_fleet(), _spec(**ports), records) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"ports": {"base": 15000}}, (14000, 14001)),
        ({"ports": {"base": 1500}}, (1024, 1025)),
        ({"ports": {"serve_base": 12000}}, (12000, 12001)),
        ({"ports": {"serve_base": 19002}, "monitoring": MONITORING}, (19004, 19005)),
    ],
)
def test_the_fleet_says_where_they_lie(keys: dict[str, Any], expected: tuple[int, int]) -> None:
    assert serve_ports(_fleet(**keys), _spec(), []) == expected


def test_none_is_left() -> None:
    fleet = _fleet(ports={"serve_base": 19997})
    taken = [_at("a", "other", 19997, 19998)]
    with pytest.raises(PlacementError) as caught:
        serve_ports(fleet, _spec(), taken)
    assert "no two ports from 19997 to 19999 are left for Ray Serve" in str(caught.value)
    assert "lower ports.serve_base" in str(caught.value)
    assert serve_ports(fleet, _spec(serve=8000, serve_grpc=9000), taken) == (8000, 9000)


def _placed(
    spec: RayClusterSpec, *seen: Observed, also: Iterable[tuple[str, SlotRecord]] = ()
) -> Topology:
    room = Capacity(cpus=64, memory_mb=262144, disk_gb=9000)
    return place(
        fleet=_fleet(),
        spec=spec,
        capacities=dict.fromkeys("abc", room),
        records=[*also, *(pair for one in seen for pair in one.records())],
    )


def test_each_group_has_a_pair_on_all_its_nodes_and_keeps_it() -> None:
    one, two = _spec("one"), _spec("two")
    first = _placed(one)
    seen = applied(_fleet(), one, first)
    second = _placed(two, seen)
    assert set(first.hosts) == set(second.hosts)
    for topology, pair in ((first, (19000, 19001)), (second, (19002, 19003))):
        nodes = (*topology.heads, *topology.workers)
        assert {(node.ports["serve"], node.ports["serve_grpc"]) for node in nodes} == {pair}
        assert not any("serve" in redis.ports for redis in topology.redis)
    also = applied(_fleet(), two, second)
    assert _placed(one, seen, also) == first
    assert _placed(two, also) == second


def test_a_group_of_an_earlier_version_gets_a_pair_and_stays_where_it_is() -> None:
    spec = _spec()
    topology = _placed(spec)
    records = applied(_fleet(), spec, topology).records()
    earlier = [
        (host, record.model_copy(update={"ports": _without_serve(record.ports)}))
        for host, record in records
    ]
    assert _placed(spec, also=earlier) == topology
    found = _placed(spec, also=[*earlier, OTHER])
    assert {node.ports["serve"] for node in (*found.heads, *found.workers)} == {19002}


def _without_serve(ports: dict[str, int]) -> dict[str, int]:
    return {name: port for name, port in ports.items() if not name.startswith("serve")}
