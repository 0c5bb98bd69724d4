"""ansible-runner's raw events as typed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adbray_ctl.adapters.ansible.cause import (
    cause,
    cause_of_silence,
    is_hidden,
    item_cause,
)
from adbray_ctl.core.events import HostResult, Outcome, RunEvent, TaskStarted

_OUTCOMES = {
    "runner_on_ok": Outcome.OK,
    "runner_on_skipped": Outcome.SKIPPED,
    "runner_on_failed": Outcome.FAILED,
    "runner_on_unreachable": Outcome.UNREACHABLE,
}


class EventReader:
    """Reads the events of one run, in their order."""

    def __init__(self) -> None:
        # By host and task: the reasons of a loop's items come before the failure of the loop.
        self._items: dict[tuple[str, str], list[str]] = {}

    def read(self, raw: Mapping[str, Any]) -> RunEvent | None:
        """The typed event behind one of ansible-runner's, or None for those nobody waits for."""
        data = raw.get("event_data") or {}
        place = (str(data.get("host")), str(data.get("task_uuid")))
        if raw.get("event") == "runner_item_on_failed":
            reason = item_cause(data.get("res") or {}, raw.get("stdout") or "")
            self._items.setdefault(place, []).append(reason)
            return None
        return _typed(raw, self._items.pop(place, []))


def _typed(raw: Mapping[str, Any], items: Sequence[str]) -> RunEvent | None:
    data = raw.get("event_data") or {}
    step = data.get("role") or "playbook"
    task = data.get("task") or ""
    kind = raw.get("event")
    if kind == "playbook_on_task_start":
        return TaskStarted(step=step, task=task)
    outcome = _OUTCOMES.get(str(kind))
    if outcome is None or not data.get("host"):
        return None
    result = data.get("res") or {}
    if outcome is Outcome.OK and result.get("changed"):
        outcome = Outcome.CHANGED
    if outcome is Outcome.FAILED and data.get("ignore_errors"):
        outcome = Outcome.OK
    # What the modules of other collections warn of is not for operators of groups.
    ours = str(data.get("task_action") or "").startswith("adbray.ray.")
    message = "; ".join(map(str, result.get("warnings") or ())) if ours else ""
    if outcome is Outcome.UNREACHABLE:
        message = cause_of_silence(result)
    elif outcome is Outcome.FAILED:
        message = cause(result, raw.get("stdout") or "", items)
    return HostResult(step=step, task=task, host=data["host"], outcome=outcome, message=message)


def hide_secrets(raw: dict[str, Any]) -> None:
    """Take the text out of an event of a task that handles a secret, before it reaches any file.

    ansible-core 2.19 hides the result of such a task, and prints the message of its error.
    ansible-runner 2.4.3 also drops whether it changed anything, which Ansible has printed.
    """
    data = raw.get("event_data") or {}
    printed = raw.get("stdout") or ""
    if is_hidden(data.get("res")) and printed:
        data["res"]["changed"] = "changed: [" in printed
        raw["stdout"] = f"[{data.get('host')}]: the output is hidden because it handles a secret"


def lost_hosts(raw: Mapping[str, Any]) -> frozenset[str] | None:
    """The hosts that a run ended for, if this is its last event; those that were rescued go on."""
    if raw.get("event") != "playbook_on_stats":
        return None
    data = raw.get("event_data") or {}
    return frozenset({*(data.get("failures") or ()), *(data.get("dark") or ())})
