"""A job is not handed to a head that has no room for its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.disks import DiskUse
from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.observed import HostObservation, Observed, ObservedSlot
from adbray_ctl.services.jobs import connect_to_submit
from adbray_ctl.services.tools import Tools
from tests.unit.core.test_status import HEAD, observed
from tests.unit.services.test_secrets import Hosts


def tools(directory: Path, *hosts: HostObservation) -> Tools:
    (directory / "fleet.yml").write_text("kind: Fleet\nhosts: [{name: h, address: 10.0.0.1}]\n")
    return replace(wiring.tools(directory), hosts=Hosts(Observed(hosts=hosts), {}))


def host(used_mb: int) -> HostObservation:
    (found,) = observed("active", "running").hosts
    disks = (DiskUse(path="/d", size_mb=1000, used_mb=used_mb),)
    head = ObservedSlot(record=HEAD, applied_at=0, disks=disks)
    return found.model_copy(update={"slots": (head, *found.slots[1:])})


def test_a_full_head_takes_no_job(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="the head can take no job: its disk /d is full") as told:
        connect_to_submit(tools(tmp_path, host(1000)), "g")
    assert told.value.where == "h"
    assert told.value.hint == "`adbray clean g head`, or raise disk_gb of the head"


def test_a_head_with_room_does(tmp_path: Path) -> None:
    assert connect_to_submit(tools(tmp_path, host(900)), "g") is not None


def test_without_a_head_there_is_nowhere_to_submit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no group 'g'"):
        connect_to_submit(tools(tmp_path, HostObservation(host="h")), "g")
