"""What is looked at and added before a job is handed to a head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.jobs.job import Job
from adbray_ctl.core.jobs.request import JobRequest
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.units import ObservedSlot
from adbray_ctl.core.proxies import not_excepted
from adbray_ctl.core.slot.disks import DiskUse
from adbray_ctl.services.jobs import client_environment, connect, connect_to_submit, delete
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.hosts import FakeHosts
from adbray_ctl.testing.jobs import FakeJobs
from tests.unit.core.running_slots import HEAD, observed

JOB = JobRequest(entrypoint="true")


def tools(directory: Path, *hosts: HostObservation) -> Tools:
    (directory / "fleet.yml").write_text("kind: Fleet\nhosts: [{name: h, address: 10.0.0.1}]\n")
    return replace(wiring.tools(directory), hosts=FakeHosts(Observed(hosts=hosts)))


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
    ) as caught:
        connect_to_submit(tools(tmp_path, host(1000)), "g", JOB)
    assert caught.value.where == "h"
    assert caught.value.hint == "`adbray clean g head`, or raise disk_gb of the head"


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


def test_the_api_is_asked_for_at_the_head_with_the_token_of_the_group(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []
    api = FakeJobs()

    def jobs(address: str, token_file: str) -> FakeJobs:
        asked.append((address, token_file))
        return api

    found = replace(tools(tmp_path, host(0)), jobs=jobs)
    assert connect(found, "g") is api
    token_file = found.secrets.site("g").token_file
    assert asked == [("http://10.0.0.1:8265", token_file)]
    environment = client_environment(found, "g", {"no_proxy": "x.example"})
    assert (environment.ray_version, environment.token_file) == (api.version, token_file)
    assert environment.addresses.client == "ray://10.0.0.1:10001"
    assert not_excepted(environment.no_proxy, ("x.example", "10.0.0.1")) == ()


def test_a_job_is_deleted_once_it_has_ended(tmp_path: Path) -> None:
    jobs = [Job(id=state, status=state, entrypoint="true") for state in ("RUNNING", "FAILED")]
    api = FakeJobs(jobs=list(jobs))
    found = replace(tools(tmp_path, host(0)), jobs=lambda *_: api)
    with pytest.raises(UsageError, match="it is RUNNING, and only a job that has ended") as caught:
        delete(found, "g", "RUNNING")
    assert caught.value.hint == "`adbray job stop g RUNNING` first"
    delete(found, "g", "FAILED")
    assert api.jobs == jobs[:1]
