"""How a host decides what keeps its slots' disks to their size, and how much room that leaves."""

from __future__ import annotations

import pytest

from adbray_ctl.core.slot.disks import (
    Backend,
    DiskPlace,
    DiskUse,
    FileSystem,
    SlotDisk,
    carrier,
    choose,
    host_disk,
    kept,
    room_gb,
)

ROOT = FileSystem(point="/", device="8:1", kind="ext4", free_gb=50)
DATA = FileSystem(point="/data", device="8:2", kind="xfs", project_quota=True, free_gb=400)
NVME = FileSystem(point="/nvme", device="8:3", kind="ext4", project_quota=True, free_gb=900)
BTRFS = FileSystem(point="/b", device="8:4", kind="btrfs", free_gb=10)
ALL = (ROOT, DATA, NVME, BTRFS)


def test_the_deepest_mount_carries_a_path_and_the_last_of_two() -> None:
    over = DATA.model_copy(update={"device": "9:9"})
    assert carrier("/data/adbray", ALL) == DATA
    assert carrier("/database", ALL) == ROOT
    assert carrier("/data", (*ALL, over)) == over
    assert carrier("/data", ()) is None


@pytest.mark.parametrize(
    ("path", "asked", "expected"),
    [
        ("/data", None, (Backend.XFS_PROJECT, "xfs at /data has project quotas")),
        ("/nvme/x", None, (Backend.EXT4_PROJECT, "ext4 at /nvme has project quotas")),
        ("/var", None, (Backend.LOOP, "ext4 at / has no project quotas on")),
        ("/b", None, (Backend.LOOP, "btrfs at /b knows no project quota")),
        ("/data", Backend.LOOP, (Backend.LOOP, "set in fleet.yml")),
        ("/data", Backend.XFS_PROJECT, (Backend.XFS_PROJECT, "set in fleet.yml")),
    ],
)
def test_what_keeps_a_disk_to_its_size(
    path: str, asked: Backend | None, expected: tuple[Backend, str]
) -> None:
    found = choose(path, asked, carrier(path, ALL))
    assert isinstance(found, DiskPlace)
    assert (found.backend, found.reason) == expected


@pytest.mark.parametrize(
    ("path", "asked", "why"),
    [
        ("/var", Backend.EXT4_PROJECT, "/var is on ext4 at /, not mounted with prjquota"),
        ("/data", Backend.EXT4_PROJECT, "/data is on xfs at /data"),
    ],
)
def test_what_is_set_and_cannot_be(path: str, asked: Backend, why: str) -> None:
    assert choose(path, asked, carrier(path, ALL)) == f"disk.backend {asked} cannot be had: {why}"


def test_a_slot_that_stands_keeps_its_backend_unless_one_is_set() -> None:
    loop = SlotDisk(data=DiskPlace(path="/data"))
    quota = host_disk("/data", None, None, ALL)
    assert isinstance(quota, SlotDisk)
    assert kept(loop, quota, None) == loop
    assert kept(loop, quota, Backend.XFS_PROJECT) == quota
    elsewhere = SlotDisk(data=DiskPlace(path="/old"))
    assert kept(elsewhere, quota, None) == quota
    apart = host_disk("/data", "/nvme", None, ALL)
    assert isinstance(apart, SlotDisk)
    assert kept(loop, apart, None) == SlotDisk(data=loop.data, spill=apart.spill)


def test_an_image_holds_its_size_and_a_quota_what_is_in_it() -> None:
    quota = host_disk("/data", None, None, ALL)
    assert isinstance(quota, SlotDisk)
    use = DiskUse(path="/var/lib/adbray/g/w-0", size_mb=102400, used_mb=20480)
    standing = [(SlotDisk(data=DiskPlace(path="/data")), 100, ()), (quota, 100, (use,))]
    assert room_gb(quota, ALL, standing) == 400 + 100 + 20


def test_two_disks_of_a_slot_take_the_smaller_room() -> None:
    apart, same = host_disk("/data", "/nvme", None, ALL), host_disk("/data", "/data/s", None, ALL)
    assert isinstance(apart, SlotDisk)
    assert isinstance(same, SlotDisk)
    assert room_gb(apart, ALL, ()) == 400
    assert room_gb(same, ALL, ()) == 200
