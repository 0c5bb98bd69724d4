"""What is looked at and added before a job is handed to a head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.jobs import DirectoryFile, JobRequest, UploadRoom
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.units import ObservedSlot
from adbray_ctl.core.proxies import not_excepted
from adbray_ctl.core.slot.disks import DiskUse
from adbray_ctl.services.jobs import (
    check_upload,
    client_environment,
    connect,
    connect_to_submit,
    make_request,
)
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


UPLOADS = UploadRoom(limit=100, share=100, used=60, room=40, largest=90, kept_s=600)
FILES = (DirectoryFile(path="main.py", size=50),)
IN_A_DIRECTORY = JOB.model_copy(update={"working_dir": "/w"})


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


@pytest.mark.parametrize(
    ("request_", "room", "refused"),
    [
        (JOB, UPLOADS, False),
        (IN_A_DIRECTORY, None, False),
        (IN_A_DIRECTORY, UPLOADS.model_copy(update={"room": 50}), False),
        (IN_A_DIRECTORY, UPLOADS, True),
    ],
    ids=["no directory", "a head that does not say", "room", "no room"],
)
def test_what_has_no_room_is_not_packed(
    request_: JobRequest, room: UploadRoom | None, *, refused: bool
) -> None:
    api = FakeJobs(uploads=room)
    if refused:
        with pytest.raises(ClusterError, match="the cluster's store has room for"):
            check_upload(api, request_, FILES)
    else:
        check_upload(api, request_, FILES)


def test_one_word_is_a_command_line_and_several_are_quoted() -> None:
    def command(*words: str) -> str:
        return make_request(entrypoint=words, working_dir=None, files=(), env={}).entrypoint

    assert command("python x.py --a 'b c'") == "python x.py --a 'b c'"
    assert command("python", "x.py", "b c") == "python x.py 'b c'"
    with pytest.raises(UsageError, match=r"'x\.py' is not in the working directory"):
        make_request(entrypoint=["python", "x.py"], working_dir="/w", files=FILES, env={})
