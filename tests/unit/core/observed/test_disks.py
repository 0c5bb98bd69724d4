"""A disk that takes nothing any more makes its group not ready, and is named with what to do."""

from __future__ import annotations

import pytest

from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.status import GroupStatus, group_status
from adbray_ctl.core.slot.disks import DiskUse, FileSystem
from tests.unit.core.running_slots import observed

PATH = "/var/lib/adbray/g/head"


def status(*, head: DiskUse | None = None, root: FileSystem | None = None) -> GroupStatus:
    """Of a group whose head has this disk, on a host with this root."""
    (host,) = observed("active", "running").hosts
    first, *rest = host.slots
    disks = (head,) if head else ()
    facts = HostFacts(
        cpus=1,
        memory_mb=1,
        gpus=0,
        file_systems=(root,) if root else (),
    )
    slots = (first.model_copy(update={"disks": disks}), *rest)
    return group_status(
        "g", Observed(hosts=(host.model_copy(update={"slots": slots, "facts": facts}),))
    )


def use(used_mb: int, **more: object) -> DiskUse:
    return DiskUse.model_validate({"path": PATH, "size_mb": 1000, "used_mb": used_mb, **more})


@pytest.mark.parametrize("used_mb", [0, 500, 979])
def test_a_disk_with_room_is_no_problem(used_mb: int) -> None:
    found = status(head=use(used_mb))
    assert found.ready
    assert found.problems == ()


def test_a_full_disk_says_what_fills_it_and_what_to_do() -> None:
    found = status(head=use(1000, largest=("files of jobs, 900 MiB in 1 file (tmp/x)",)))
    assert not found.ready
    assert found.problems == (
        (
            f"head on h: its disk {PATH} is full, 0 of 1000 MiB free; largest:"
            " files of jobs, 900 MiB in 1 file (tmp/x);"
            " `adbray clean g head` frees what may be freed"
        ),
    )


def test_names_of_files_can_be_written_down() -> None:
    """A job may give a file any name, and an apply that fails keeps the problem in its history."""
    found = status(head=use(1000, largest=("files of jobs (tmp/\udcff)",)))
    assert r"(tmp/\udcff)" in found.problems[0]
    assert found.model_dump_json()


def test_a_disk_may_have_room_and_no_files() -> None:
    found = status(head=use(10, files_share=0.999))
    assert not found.ready
    assert "is full, 100% of its files are in use" in found.problems[0]


def test_a_read_only_disk_is_not_cleaned() -> None:
    found = status(head=use(10, read_only=True))
    assert not found.ready
    assert "is read-only: `dmesg`" in found.problems[0]
    assert "clean" not in found.problems[0]


def root(**shown: object) -> FileSystem:
    common = {"point": "/", "device": "8:1", "kind": "ext4", "total_gb": 50, "free_gb": 10}
    return FileSystem.model_validate({**common, **shown})


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (root(free_gb=0.01), "is full (10 MiB free)"),
        (root(free_files=3), "is almost out of inodes (3 left)"),
        (root(read_only=True), "is read-only"),
    ],
)
def test_a_full_host_is_named_with_what_is_written_there(seen: FileSystem, why: str) -> None:
    found = status(root=seen)
    assert not found.ready
    assert found.problems == (
        (
            f"h: the file system at / {why}; it holds /, /etc/adbray, /opt/adbray, /var/lib/adbray,"
            " /var/lib/adbray-usage, /var/log"
        ),
    )


@pytest.mark.parametrize("seen", [root(), root(free_files=None), root(total_gb=0, free_gb=0)])
def test_a_host_with_room_is_no_problem(seen: FileSystem) -> None:
    assert status(root=seen).ready


def test_a_small_root_counts_by_its_share() -> None:
    assert status(root=root(total_gb=1, free_gb=0.03)).ready


def test_a_full_host_without_a_record_is_named_too() -> None:
    """A run that found no room for the group's record left its directory."""
    facts = HostFacts(
        cpus=1,
        memory_mb=1,
        gpus=0,
        file_systems=(root(free_gb=0.01),),
    )
    found = group_status(
        "g", Observed(hosts=(HostObservation(host="h", facts=facts, groups=("g",)),))
    )
    assert "h: the file system at / is full" in found.problems[0]
