"""Times and sizes that are set in different places and have to fit each other."""

from __future__ import annotations

import re
from pathlib import Path

from adbray_ctl.provider import link
from tests.unit.host_script import load

ROOT = Path(__file__).parents[2]
GATE = load(ROOT / "roles" / "host_base" / "files" / "slot.py")
UNIT = (ROOT / "roles" / "ray_worker" / "templates" / "worker.service.j2").read_text()


def seconds(setting: str) -> int:
    """A worker unit's setting in seconds."""
    match = re.search(rf"^{setting}=(\d+)$", UNIT, re.MULTILINE)
    assert match, setting
    return int(match[1])


def test_systemd_gives_a_start_up_before_the_gate_does() -> None:
    """Else the head takes a slot for failed whose worker comes to run a moment later."""
    assert seconds("TimeoutStartSec") < GATE.SYSTEMD_S


def test_the_head_waits_for_the_longest_answer_of_a_gate() -> None:
    """A start that fails is stopped again before the gate answers."""
    assert seconds("TimeoutStartSec") + seconds("TimeoutStopSec") < link.CHANGE_S
    assert seconds("TimeoutStopSec") * 2 < GATE.SYSTEMD_S, "also one that has to be killed"
