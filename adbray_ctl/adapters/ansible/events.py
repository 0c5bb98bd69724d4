"""ansible-runner's raw events as typed ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adbray_ctl.core.events import HostResult, Outcome, RunEvent, TaskStarted

_OUTCOMES = {
    "runner_on_ok": Outcome.OK,
    "runner_on_skipped": Outcome.SKIPPED,
    "runner_on_failed": Outcome.FAILED,
    "runner_on_unreachable": Outcome.UNREACHABLE,
}


def typed_event(raw: Mapping[str, Any]) -> RunEvent | None:
    """The typed event behind one of ansible-runner's, or None for those nobody waits for."""
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
    # Of Ansible's own modules, which have a collection in their names, nobody wants to hear.
    ours = "." not in str(data.get("task_action") or "")
    message = "; ".join(map(str, result.get("warnings") or ())) if ours else ""
    if outcome in (Outcome.FAILED, Outcome.UNREACHABLE):
        message = _message(result)
    return HostResult(step=step, task=task, host=data["host"], outcome=outcome, message=message)


def _message(result: Mapping[str, Any]) -> str:
    if result.get("censored"):
        return "the task failed; its output is hidden because it handles a secret"
    text = str(result.get("msg") or result.get("stderr") or "no message").strip()
    stderr = str(result.get("stderr") or "").strip()
    if stderr and stderr not in text:
        text += f"\n{stderr}"
    return "\n".join(text.splitlines()[-12:])
