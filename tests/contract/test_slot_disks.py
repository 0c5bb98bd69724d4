"""The disks of slots: which a group is seen to have, and what host scripts make of mounts."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl.adapters import file_systems

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
MOUNTINFO = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:2 / /data rw,relatime shared:2 - xfs /dev/sdb rw,attr2,inode64,prjquota
31 22 8:3 / /my\\040disk ro,relatime shared:3 - ext4 /dev/sdc rw,prjquota
40 22 8:2 /.slots/g.w-0 /var/lib/adbray/g/w-0 rw,nosuid,nodev - xfs /dev/sdb rw,prjquota
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The module's names, with what it shares found where Ansible would put it."""
    import ansible.module_utils

    shared = [*ansible.module_utils.__path__, str(PLAYBOOKS / "module_utils")]
    monkeypatch.setattr(ansible.module_utils, "__path__", shared)
    yield runpy.run_path(str(PLAYBOOKS / "library" / "slot_disks.py"))
    for name in [name for name in sys.modules if "adbray_disks" in name]:
        del sys.modules[name]


def test_an_image_that_was_never_finished_counts(module: dict[str, Any], tmp_path: Path) -> None:
    images = tmp_path / ".images"
    images.mkdir()
    for name in ("g.w-0.img", "g.w-1.img.new", "g-2.w-5.img", "other.w-3.img.new", "g.txt"):
        (images / name).write_text("")
    disks = module["GroupDisks"](module["Host"](True), str(tmp_path), "g", [])
    assert disks.present() == {"w-0", "w-1"}


def test_disks_kept_elsewhere_count_and_a_spill_is_its_slot_s(
    module: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "data" / ".images").mkdir(parents=True)
    (tmp_path / "nvme" / ".slots" / "g.w-2.spill").mkdir(parents=True)
    (tmp_path / "nvme" / ".slots" / "g-2.w-3").mkdir()
    (tmp_path / "data" / ".images" / "g.w-1.spill.img").write_text("")
    slot = {"path": str(tmp_path / "data"), "spill_path": str(tmp_path / "nvme")}
    disks = module["GroupDisks"](module["Host"](True), str(tmp_path), "g", [slot])
    assert disks.present() == {"w-1", "w-2"}


def test_a_loop_image_s_room_is_what_it_lacks(module: dict[str, Any], tmp_path: Path) -> None:
    store = module["store_of"]("loop", str(tmp_path))
    (tmp_path / ".images").mkdir()
    (tmp_path / ".images" / "g.w-0.img").write_bytes(b"x" * 4096)
    assert store.needed({"g.w-0": 10_000, "g.w-1": 5_000}) == 10_000 - 4096 + 5_000


def test_what_a_host_tells_of_its_mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTINFO)
    monkeypatch.setattr(file_systems, "MOUNTS", str(path))
    root, data, spaced, slot = file_systems.mounts()
    assert (root["kind"], root["project_quota"]) == ("ext4", False)
    assert (data["point"], data["project_quota"], data["read_only"]) == ("/data", True, False)
    assert (spaced["point"], spaced["read_only"]) == ("/my disk", True)
    assert slot["device"] == data["device"]
    assert file_systems.is_mounted("/var/lib/adbray/g/w-0")
    assert not file_systems.is_mounted("/var/lib/adbray/g")
