"""Findings of `adbray check`: a healthy host with one thing wrong at a time."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.units import ObservedSlot
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.preflight.clock import clock_offset
from adbray_ctl.core.preflight.findings import FindingState, fixes_of
from adbray_ctl.core.preflight.fixes import Fix, HostFixes
from adbray_ctl.core.preflight.group import unplaced
from adbray_ctl.core.preflight.judge import preflight
from adbray_ctl.core.preflight.needs import HostNeeds, PortNeed, group_needs, possible_needs
from adbray_ctl.core.preflight.ray import ray_version
from adbray_ctl.core.preflight.readings import Check, HostAnswer, Silence
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.unit.core.healthy_host import FLEET, NEEDS, answer, judge, only_bad


def listener(port: int, unit: str = "") -> dict[str, Any]:
    return {"port": port, "pid": 99, "process": "nc", "unit": unit}


@pytest.mark.parametrize("needs", [None, NEEDS])
def test_a_healthy_host_has_every_check_and_no_complaint(needs: HostNeeds | None) -> None:
    findings = judge(needs=needs)
    assert {one.state for one in findings} == {FindingState.OK}
    # These are about all hosts together.
    wide = {Check.PLACEMENT, Check.REDIS, Check.MACHINES, Check.RECORDS}
    assert {one.check for one in findings} == set(Check) - wide
    assert not any(one.remedy or one.fixable for one in findings)


CASES: list[tuple[dict[str, Any], Check, FindingState, str, Fix | None]] = [
    ({"root": False}, Check.SUDO, FindingState.FAIL, "do not run as root", None),
    ({"system": {"systemd": False}}, Check.OS, FindingState.FAIL, "not PID 1", None),
    ({"system": {"arch": "ppc64le"}}, Check.OS, FindingState.FAIL, "ppc64le", None),
    ({"system": {"libc": ""}}, Check.OS, FindingState.FAIL, "C library unknown", None),
    (
        {"system": {"os_id": "debian", "os_version": "11"}},
        Check.OS,
        FindingState.WARN,
        "Debian",
        None,
    ),
    (
        {"system": {"os_id": "rocky", "os_version": "9.4"}},
        Check.OS,
        FindingState.WARN,
        "Debian",
        None,
    ),
    ({"pythons": ()}, Check.PYTHON, FindingState.WARN, "none", None),
    ({"cgroup": {"controllers": ("cpu",)}}, Check.CGROUP, FindingState.WARN, "memory, pids", None),
    ({"cgroup": {"unified": False}}, Check.CGROUP, FindingState.WARN, "no cgroup v2", None),
    (
        {"system": {"missing_tools": ("mkfs.ext4",)}},
        Check.DISK,
        FindingState.FAIL,
        "mkfs.ext4",
        None,
    ),
    ({"data_disk": {"free_gb": 29.0}}, Check.DISK, FindingState.WARN, "29 of 900 GiB", None),
    ({"data_disk": {"file_system": "tmpfs"}}, Check.DISK, FindingState.FAIL, "tmpfs", None),
    ({"data_disk": {"file_system": "nfs4"}}, Check.DISK, FindingState.WARN, "nfs4", None),
    ({"data_disk": {"read_only": True}}, Check.DISK, FindingState.FAIL, "read-only", None),
    ({"runtime_disk": {"free_gb": 1.0}}, Check.DISK, FindingState.WARN, "/opt", None),
    ({"runtime_disk": {"free_inodes": 9}}, Check.DISK, FindingState.WARN, "9 inodes", None),
    (
        {"loop": {"ready": False, "loadable": True}},
        Check.LOOP,
        FindingState.FAIL,
        "not loaded",
        Fix.LOOP_MODULE,
    ),
    ({"loop": {"ready": False}}, Check.LOOP, FindingState.FAIL, "no module", None),
    ({"memory": {"total_mb": 1024}}, Check.MEMORY, FindingState.WARN, "of 1.0 GiB", None),
    (
        {"listeners": [listener(20000)]},
        Check.PORTS,
        FindingState.WARN,
        "20000 by nc (pid 99)",
        None,
    ),
    ({"clock": 1003.0}, Check.CLOCK, FindingState.WARN, "ahead of", None),
    ({"clock": 900.0}, Check.CLOCK, FindingState.FAIL, "behind", None),
    (
        {"time_sync": {"synchronized": False, "ntp": False}},
        Check.CLOCK,
        FindingState.WARN,
        "not synchronized",
        Fix.NTP,
    ),
    (
        {"time_sync": {"synchronized": False}},
        Check.CLOCK,
        FindingState.WARN,
        "not synchronized",
        None,
    ),
    (
        {"time_sync": {"synchronized": False, "ntp": False, "can_ntp": False}},
        Check.CLOCK,
        FindingState.WARN,
        "not synchronized",
        None,
    ),
    (
        {"time_sync": {"synchronized": False, "ntp": False, "can_ntp": False, "known": False}},
        Check.CLOCK,
        FindingState.WARN,
        "does not tell",
        None,
    ),
    ({"names": {"nameservers": ()}}, Check.NAMES, FindingState.WARN, "no nameserver", None),
    ({"names": {"own": ()}}, Check.NAMES, FindingState.WARN, "its own name a", None),
    ({"names": {"unresolved": ("b.lan",)}}, Check.NAMES, FindingState.WARN, "b.lan", None),
    (
        {"sysctls": {"inotify_instances": 128}},
        Check.KERNEL,
        FindingState.WARN,
        "max_user_instances is 128",
        Fix.INOTIFY,
    ),
    (
        {"sysctls": {"inotify_watches": 8192, "writable": False}},
        Check.KERNEL,
        FindingState.WARN,
        "max_user_watches is 8192",
        None,
    ),
    ({"sysctls": {"nr_open": 65536}}, Check.KERNEL, FindingState.WARN, "nr_open", None),
    ({"sysctls": {"pid_max": 32768}}, Check.KERNEL, FindingState.WARN, "pid_max", None),
    (
        {"sysctls": {"first_ephemeral_port": 1024}},
        Check.KERNEL,
        FindingState.WARN,
        "port_range",
        None,
    ),
    ({"gpu": {"on_pci": 2}}, Check.GPU, FindingState.WARN, "2 cards on the PCI bus", None),
    (
        {"gpu": {"on_pci": 1, "cards": 1, "driver": "470.1"}},
        Check.GPU,
        FindingState.WARN,
        "470.1",
        None,
    ),
    ({"packages": {"apt": False}}, Check.PACKAGES, FindingState.WARN, "no apt", None),
    (
        {"packages": {"unreachable": ("x",)}},
        Check.PACKAGES,
        FindingState.WARN,
        "not reached: x",
        None,
    ),
    (
        {"packages": {"servers": (), "offered": ("redis-server",)}},
        Check.PACKAGES,
        FindingState.WARN,
        "no package server",
        None,
    ),
    ({"ray_versions": ("2.53.0",)}, Check.RAY, FindingState.WARN, "CVE-2026-27482", None),
]


@pytest.mark.parametrize(("changes", "check", "state", "found", "fix"), CASES)
def test_one_thing_wrong_is_one_finding_with_a_remedy(
    changes: dict[str, Any], check: Check, state: FindingState, found: str, fix: Fix | None
) -> None:
    bad = only_bad(judge(**changes))
    assert (bad.check, bad.state, bad.fix) == (check, state, fix)
    assert found in bad.found
    assert bad.remedy
    assert bad.expected


GROUP_CASES: list[tuple[dict[str, Any], Check, FindingState, str]] = [
    ({"pythons": ("3.12",)}, Check.PYTHON, FindingState.FAIL, "3.12"),
    ({"data_disk": {"free_gb": 99.0}}, Check.DISK, FindingState.FAIL, "99 of"),
    ({"memory": {"available_mb": 8000}}, Check.MEMORY, FindingState.WARN, "7.8 of"),
    (
        {"memory": {"total_mb": 8000, "available_mb": 7000}},
        Check.MEMORY,
        FindingState.FAIL,
        "of 7.8",
    ),
    ({"listeners": [listener(6379)]}, Check.PORTS, FindingState.FAIL, "6379 (gcs of slot head)"),
    ({"listeners": [listener(20199)]}, Check.PORTS, FindingState.FAIL, "(worker of slot w-0)"),
    ({"packages": {"unreachable": ("x",)}}, Check.PACKAGES, FindingState.FAIL, "not reached"),
    ({"packages": {"apt": False}}, Check.PACKAGES, FindingState.FAIL, "no apt"),
]


@pytest.mark.parametrize(("changes", "check", "state", "found"), GROUP_CASES)
def test_a_group_asks_for_more(
    changes: dict[str, Any], check: Check, state: FindingState, found: str
) -> None:
    bad = only_bad(judge(needs=NEEDS, **changes))
    assert (bad.check, bad.state) == (check, state)
    assert found in bad.found
    assert bad.remedy


@pytest.mark.parametrize(
    "listeners",
    [
        [listener(6379, "adbray-head@g.service"), listener(20010, "adbray-worker@g.w-0.service")],
        [listener(6380), listener(20009), listener(20200)],
    ],
)
def test_ports_of_adbrays_units_and_ports_beside_are_no_trouble(
    listeners: list[dict[str, Any]],
) -> None:
    assert {one.state for one in judge(needs=NEEDS, listeners=listeners)} == {FindingState.OK}


def test_the_holders_unit_is_named() -> None:
    bad = only_bad(judge(needs=NEEDS, listeners=[listener(6379, "redis-server.service")]))
    assert bad.remedy.startswith("stop redis-server.service, or set head.ports.gcs")


def test_a_port_of_serve_can_be_set_too() -> None:
    needs = NEEDS.model_copy(
        update={"ports": (PortNeed(slot="head", purpose="serve", first=19000, last=19000),)}
    )
    bad = only_bad(judge(needs=needs, listeners=[listener(19000, "web.service")]))
    assert bad.found.startswith("port 19000 (serve of slot head) is held by")
    assert bad.remedy.startswith("stop web.service, or set head.ports.serve in groups/")


def test_cards_that_a_group_needs_must_be_there() -> None:
    needs = NEEDS.model_copy(update={"cards": 2})
    gpu = {"on_pci": 2, "cards": 1, "driver": "550.54"}
    bad = only_bad(judge(needs=needs, gpu=gpu))
    assert (bad.check, bad.state) == (Check.GPU, FindingState.FAIL)


def test_a_containers_clock_cards_and_settings_are_the_machines() -> None:
    findings = judge(
        system={"container": "systemd-nspawn"},
        time_sync={"synchronized": False},
        gpu={"on_pci": 4},
    )
    assert {one.state for one in findings} == {FindingState.OK}


def test_more_declared_than_there_is() -> None:
    host = {"name": "a", "address": "10.0.0.1", "capacity": {"memory_gb": 64.0, "gpus": 1}}
    fleet = Fleet.model_validate({"kind": "Fleet", "hosts": [host]})
    bad = {one.check: one for one in judge(fleet) if one.state is FindingState.FAIL}
    assert set(bad) == {Check.MEMORY, Check.GPU}
    assert "lower capacity.memory_gb" in bad[Check.MEMORY].remedy


def test_declared_memory_leaves_the_reserve() -> None:
    host = {"name": "a", "address": "10.0.0.1", "capacity": {"memory_gb": 31.5}}
    fleet = {"kind": "Fleet", "hosts": [host]}
    bad = only_bad(judge(Fleet.model_validate(fleet)))
    assert (bad.check, bad.state) == (Check.MEMORY, FindingState.WARN)
    assert "31.5 GiB, which fleet.yml declares, and 1 GiB reserved" in bad.expected
    small = fleet | {"system_reserved": {"memory_gb": 0.5}}
    assert {one.state for one in judge(Fleet.model_validate(small))} == {FindingState.OK}


def test_a_python_too_old_for_ansible_fails_even_if_the_groups_is_there() -> None:
    bad = only_bad(judge(needs=NEEDS, python="3.7.3"))
    assert (bad.check, bad.state) == (Check.PYTHON, FindingState.FAIL)


def test_a_silent_host_is_one_finding_at_the_step_that_failed() -> None:
    silence = Silence(check=Check.SUDO, what="ops may not use sudo", hint="NOPASSWD")
    findings = preflight(fleet=FLEET, answers=[HostAnswer(host="a", silence=silence)], needs={})
    (found,) = findings
    assert (found.check, found.state, found.remedy) == (Check.SUDO, FindingState.FAIL, "NOPASSWD")


@pytest.mark.parametrize(
    ("clock", "took_s", "offset", "margin"),
    [
        (1000.6, 0.0, 0.0, 0.6),  # read anywhere in the round trip
        (1000.1, 1.0, 0.0, 0.1),  # what it did afterwards is no part of the span
        (1005.1, 1.0, 5.0, 0.1),
        (990.1, 1.0, -10.0, 0.1),
        (1000.0, 9.0, 0.0, 0.0),  # a clock that jumped while it worked
    ],
)
def test_clock_offset(clock: float, took_s: float, offset: float, margin: float) -> None:
    assert clock_offset(answer(clock=clock, took_s=took_s)) == pytest.approx((offset, margin))


def test_fixes_are_each_asked_for_once_and_for_what_is_wrong_alone() -> None:
    sysctls = {"inotify_instances": 128, "inotify_watches": 8192}
    loop = {"ready": False, "loadable": True}
    wanted = fixes_of(judge(sysctls=sysctls, loop=loop))
    assert wanted == (HostFixes(host="a", fixes=(Fix.LOOP_MODULE, Fix.INOTIFY)),)
    assert fixes_of(judge()) == ()


@pytest.mark.parametrize(
    ("version", "state"), [("2.60.0", FindingState.OK), ("2.54.0", FindingState.FAIL)]
)
def test_the_groups_ray_version(version: str, state: FindingState) -> None:
    found = ray_version(spec(ray={"version": version}))
    assert found.state is state
    assert version in found.found
    assert ("set ray.version to 2.55.0 or newer" in found.remedy) is (state is FindingState.FAIL)


def spec(**parts: Any) -> RayClusterSpec:
    return RayClusterSpec.model_validate({"kind": "RayCluster", "name": "g", **parts})


def placement(slot: str, kind: SlotKind, **values: Any) -> Placement:
    return Placement(slot=slot, kind=kind, host="a", address="10.0.0.1", block=0, **values)


def test_what_stands_needs_no_room_again() -> None:
    ports = {"metrics": 20005, "worker_min": 20010, "worker_max": 20199}
    topology = Topology(
        group="g",
        placements=(
            placement("head", SlotKind.HEAD, disk_gb=10, memory_mb=1024, ports={"gcs": 6379}),
            placement("w-0", SlotKind.WORKER, disk_gb=30, memory_mb=4096, ports=ports),
        ),
    )
    record = SlotRecord(
        group="g",
        slot="head",
        kind=SlotKind.HEAD,
        address="10.0.0.1",
        block=0,
        ports={"gcs": 6379},
        namespace="g-0",
        revision="1",
    )
    standing = HostObservation(host="a", slots=(ObservedSlot(record=record, applied_at=0.0),))
    needs = group_needs(spec=spec(), topology=topology, observed=Observed(hosts=(standing,)))["a"]
    assert (needs.disk_gb, needs.memory_mb, needs.redis) == (30, 4096, False)
    assert [(need.slot, need.first, need.last) for need in needs.ports] == [
        ("head", 6379, 6379),
        ("w-0", 20005, 20005),
        ("w-0", 20010, 20199),
    ]


def test_a_port_that_slots_share_is_needed_once() -> None:
    slots = [placement("head", SlotKind.HEAD, ports={"serve": 19000})]
    slots += [placement(f"w-{n}", SlotKind.WORKER, ports={"serve": 19000}) for n in range(2)]
    topology = Topology(group="g", placements=tuple(slots))
    needs = group_needs(spec=spec(), topology=topology, observed=Observed())["a"]
    assert needs.ports == (PortNeed(slot="head", purpose="serve", first=19000, last=19000),)


def test_without_a_placement_every_host_that_may_be_used_needs_the_python() -> None:
    hosts = [{"name": name, "address": f"10.0.0.{n}"} for n, name in enumerate("abc", 1)]
    fleet = Fleet.model_validate({"kind": "Fleet", "hosts": hosts})
    selected = spec(
        head={"hosts": {"names": ["a"]}}, redis={"hosts": {"names": ["c"]}}, ray={"python": "3.12"}
    )
    needs = possible_needs(fleet, selected)
    assert set(needs) == {"a", "c"}
    assert {(need.python, need.placed) for need in needs.values()} == {("3.12", False)}
    assert unplaced(selected, ["b"]).state is FindingState.SKIPPED
