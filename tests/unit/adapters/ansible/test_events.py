"""ansible-runner's events as our own, and how a run shows them."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.adapters.ansible.events import EventReader
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.core.events import HostResult, Outcome

WARNING = "the kernel does not grow /var/lib/adbray/demo/w-0 in use: its slot is started anew"


def ended(event: str, module: str = "adbray.ray.slot_disks", **result: Any) -> HostResult:
    data = {"role": "worker_disk", "task": "Ensure disks", "host": "m1", "res": result}
    data["task_action"] = module
    found = EventReader().read({"event": event, "event_data": data})
    assert isinstance(found, HostResult)
    return found


@pytest.mark.parametrize("changed", [True, False])
def test_what_a_module_warns_of_is_shown(changed: bool, capsys: pytest.CaptureFixture[str]) -> None:
    event = ended("runner_on_ok", changed=changed, warnings=[WARNING])
    assert event.outcome is (Outcome.CHANGED if changed else Outcome.OK)
    with ProgressView("apply demo") as view:
        view(event)
    assert WARNING in capsys.readouterr().err


def test_a_failure_tells_why_and_not_what_it_warned_of() -> None:
    event = ended("runner_on_failed", msg="no room", warnings=[WARNING])
    assert (event.outcome, event.message) == (Outcome.FAILED, "no room")


def test_what_ansibles_own_modules_warn_of_is_not_shown() -> None:
    event = ended("runner_on_ok", module="ansible.builtin.find", warnings=["Skipped a path"])
    assert event.message == ""
