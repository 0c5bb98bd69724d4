"""The lab as data: names, addresses, ids and the fleet.yml that is written for it."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl.adapters.specs.file import load_fleet
from adbray_ctl.adapters.specs.templates import rendered
from adbray_ctl.core.lab import SUBNETS, LabPlan, lab_id
from adbray_ctl.services.lab import MAX_HOSTS, MAX_VMS

PLAN = LabPlan(id="0a1b2", subnet="198.18.7", count=3)


def test_hosts_are_named_and_addressed_in_order() -> None:
    assert [(host.name, host.address) for host in PLAN.hosts] == [
        ("lab1", "198.18.7.11"),
        ("lab2", "198.18.7.12"),
        ("lab3", "198.18.7.13"),
    ]
    assert PLAN.gateway == "198.18.7.1"


def test_vms_come_last_with_names_and_addresses_of_their_own() -> None:
    plan = PLAN.model_copy(update={"count": 1, "vms": 2})
    assert [(host.name, host.address, host.kind.value) for host in plan.hosts] == [
        ("lab1", "198.18.7.11", "container"),
        ("vm1", "198.18.7.101", "vm"),
        ("vm2", "198.18.7.102", "vm"),
    ]
    largest = PLAN.model_copy(update={"count": MAX_HOSTS, "vms": MAX_VMS})
    octets = [host.octet for host in largest.hosts]
    assert len(set(octets)) == MAX_HOSTS + MAX_VMS
    assert max(octets) < 200, "the end of the subnet is free for virtual addresses"


def test_a_lab_from_before_there_were_vms_has_none() -> None:
    known = LabPlan.model_validate_json('{"id": "0a1b2", "subnet": "198.18.7", "count": 3}')
    assert known == PLAN


def test_subnets_lie_in_the_benchmark_range() -> None:
    assert all(subnet.startswith(("198.18.", "198.19.")) for subnet in SUBNETS)
    assert len(set(SUBNETS)) == len(SUBNETS)


def test_id_is_short_and_of_the_directory() -> None:
    one, other = lab_id("/srv/one"), lab_id("/srv/other")
    assert one != other
    assert one == lab_id("/srv/one")
    assert len(f"abv-{one}-60") <= 15, "the kernel takes no longer interface name"


def test_fleet_text_is_a_fleet(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yml"
    file.write_text(rendered("lab_fleet.yml.j2", hosts=PLAN.hosts))
    fleet = load_fleet(file)
    assert [(host.name, host.address) for host in fleet.hosts] == [
        (host.name, host.address) for host in PLAN.hosts
    ]


def test_a_vm_tells_its_capacity_itself(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yml"
    hosts = PLAN.model_copy(update={"count": 1, "vms": 1}).hosts
    file.write_text(rendered("lab_fleet.yml.j2", hosts=hosts))
    container, vm = load_fleet(file).hosts
    assert container.capacity is not None
    assert (vm.name, vm.capacity) == ("vm1", None)
