"""A mount table as the kernel writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_host import mounts

MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:2 / /data rw,relatime shared:2 - xfs /dev/sdb rw,attr2,inode64,prjquota
31 22 8:3 / /my\\040disk ro,relatime shared:3 - ext4 /dev/sdc rw,prjquota
40 22 8:2 /.slots/g.w-0 /var/lib/adbray/g/w-0 rw,nosuid,nodev - xfs /dev/sdb rw,prjquota
41 22 7:1 / /data rw,relatime shared:2 - ext4 /dev/loop1 rw
"""


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTINFO)
    monkeypatch.setattr(mounts, "MOUNTINFO", str(path))


def test_a_mount_is_described_whole() -> None:
    assert mounts.mounts()[3] == mounts.Mount(
        point="/var/lib/adbray/g/w-0",
        device="8:2",
        root="/.slots/g.w-0",
        kind="xfs",
        source="/dev/sdb",
        read_only=False,
        project_quota=True,
    )


def test_what_a_host_says_of_its_mounts() -> None:
    root, data, spaced, slot, _ = mounts.mounts()
    assert (root.kind, root.project_quota) == ("ext4", False)
    assert (data.point, data.project_quota, data.read_only) == ("/data", True, False)
    assert (spaced.point, spaced.read_only) == ("/my disk", True)
    assert slot.device == data.device
    assert mounts.is_mounted("/var/lib/adbray/g/w-0")
    assert not mounts.is_mounted("/var/lib/adbray/g")


def test_the_last_mount_is_on_top() -> None:
    found = mounts.mount_at("/data")
    assert found is not None
    assert found.source == "/dev/loop1"
    assert mounts.mount_of("/data/x").source == "/dev/loop1"


def test_what_carries_a_path() -> None:
    assert mounts.mount_of("/my disk/x").device == "8:3"
    assert mounts.mount_of("/my disk").read_only
    assert mounts.mount_of("/my diskette").point == "/"
    assert not mounts.is_mounted("/var/lib/adbray/g")
