"""Times and sizes that are set in different places and have to fit each other."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from adbray_ctl.core.errors import AdbrayError
from adbray_ctl.core.jobs.uploads import UploadRoom, check_room
from adbray_ctl.core.jobs.working_dir import MAX_WORKING_DIR_BYTES, DirectoryFile
from adbray_ctl.in_ray.uploads.door import Door
from adbray_ctl.in_ray.uploads.room import LARGEST, MIB, refusal
from adbray_ctl.provider import joins, link
from adbray_host.gate import slots
from adbray_host.start import head

ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "roles" / "ray_worker" / "templates" / "worker.service.j2").read_text()


def seconds(setting: str) -> int:
    """A worker unit's setting in seconds."""
    match = re.search(rf"^{setting}=(\d+)$", UNIT, re.MULTILINE)
    assert match, setting
    return int(match[1])


def test_systemd_gives_a_start_up_before_the_gate_does() -> None:
    """Else the head takes a slot for failed whose worker comes to run a moment later."""
    assert seconds("TimeoutStartSec") < slots.SYSTEMD_S


def test_the_head_waits_for_the_longest_answer_of_a_gate() -> None:
    """A start that fails is stopped again before the gate answers."""
    assert seconds("TimeoutStartSec") + seconds("TimeoutStopSec") < link.CHANGE_S
    assert seconds("TimeoutStopSec") * 2 < slots.SYSTEMD_S, "also one that has to be killed"


def test_the_provider_gives_a_worker_up_before_ray_would() -> None:
    """Ray counts the time that a start waits for its turn, which is not a fault."""
    allocated = head.AUTOSCALER["RAY_AUTOSCALER_RECONCILE_ALLOCATE_STATUS_TIMEOUT_S"]
    assert int(allocated) > 20 * joins.WITHIN_S


def test_the_client_and_the_head_take_packages_of_one_size() -> None:
    assert MAX_WORKING_DIR_BYTES == LARGEST


@pytest.mark.parametrize("used", [0, 60, 103, 104, 110, 119, 120, 127])
@pytest.mark.parametrize("size", [1, MIB // 8, MIB // 4, MIB // 4 + 1, 15 * MIB, 50 * MIB])
def test_the_client_refuses_what_the_head_would_refuse(used: int, size: int) -> None:
    door = Door(lambda: f"maxmemory:{128 * MIB}\r\nused_memory_dataset:{used * MIB}\r\n")
    store = asyncio.run(door.store())
    taken = True
    try:
        room = UploadRoom.model_validate(door._figures(store))
        check_room("d", [DirectoryFile(path="a", size=size)], room)
    except AdbrayError:
        taken = False
    assert taken == (not refusal(store, size, kept_s=60))
