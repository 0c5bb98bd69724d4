"""What is looked at and added before a job is handed to a head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.jobs import JobRequest
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.units import ObservedSlot
from adbray_ctl.core.proxies import not_excepted
from adbray_ctl.core.slot.disks import DiskUse
from adbray_ctl.services.jobs import connect_to_submit
from adbray_ctl.services.tools import Tools
from tests.unit.core.observed.test_status import HEAD, observed
from tests.unit.services.test_secrets import Hosts

JOB = JobRequest(entrypoint="true")


def tools(directory: Path, *hosts: HostObservation) -> Tools:
    (directory / "fleet.yml").write_text("kind: Fleet\nhosts: [{name: h, address: 10.0.0.1}]\n")
    return replace(wiring.tools(directory), hosts=Hosts(Observed(hosts=hosts), {}))


def host(used_mb: int) -> HostObservation:
    (found,) = observed("active", "running").hosts
    disks = (DiskUse(path="/d", size_mb=1000, used_mb=used_mb),)
    head = ObservedSlot(record=HEAD, applied_at=0, disks=disks)
    return found.model_copy(update={"slots": (head, *found.slots[1:])})


def with_addresses(own: str, virtual: str) -> HostObservation:
    found = host(0)
    facts = HostFacts(address=own, cpus=1, memory_mb=1, gpus=0)
    head = found.slots[0].record.model_copy(update={"address": virtual})
    slots = (found.slots[0].model_copy(update={"record": head}), *found.slots[1:])
    return found.model_copy(update={"facts": facts, "slots": slots})


def test_a_full_head_takes_no_job(tmp_path: Path) -> None:
    with pytest.raises(
        ClusterError, match="the head cannot accept jobs: its disk /d is full"
    ) as told:
        connect_to_submit(tools(tmp_path, host(1000)), "g", JOB)
    assert told.value.where == "h"
    assert told.value.hint == "`adbray clean g head`, or raise disk_gb of the head"


def test_a_head_with_room_does(tmp_path: Path) -> None:
    _, request = connect_to_submit(tools(tmp_path, host(900)), "g", JOB)
    assert request == JOB


def test_without_a_head_there_is_nowhere_to_submit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no group 'g'"):
        connect_to_submit(tools(tmp_path, HostObservation(host="h")), "g", JOB)


@pytest.mark.parametrize("name", ["http_proxy", "no_proxy"])
def test_a_job_asks_no_proxy_for_an_address_that_is_not_in_fleet_yml(
    tmp_path: Path, name: str
) -> None:
    with_names = tools(tmp_path, with_addresses("10.7.0.5", virtual="10.7.0.9"))
    (tmp_path / "fleet.yml").write_text("kind: Fleet\nhosts: [{name: h, address: h.example}]\n")
    wanted = JOB.model_copy(update={"env": {name: "x.example"}})
    _, request = connect_to_submit(with_names, "g", wanted)
    assert not_excepted(request.env, ("h.example", "10.7.0.5", "10.7.0.9")) == ()
    assert request.env[name].startswith("x.example")
