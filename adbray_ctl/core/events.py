"""What happens during a run on the hosts, as typed events, and the progress they add up to."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.slot.record import NodeAt


class _Event(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Outcome(StrEnum):
    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class TaskStarted(_Event):
    """A task begins on all its hosts; ``step`` is the role it belongs to."""

    step: str
    task: str


class HostResult(_Event):
    """A task ended on one host; ``message`` says why it failed, or of what its module warns."""

    step: str
    task: str
    host: str
    outcome: Outcome
    message: str = ""


class Note(_Event):
    """Something done on the control side, such as waiting for nodes."""

    text: str


class StepStarted(_Event):
    """A step of the plan begins; ``number`` counts from 1."""

    number: int
    total: int
    title: str
    nodes: tuple[NodeAt, ...]


class StepEnded(_Event):
    """A step of the plan ended; ``error`` is empty if it went well, ``log`` is Ansible's."""

    title: str
    nodes: tuple[NodeAt, ...]
    error: str = ""
    log: str = ""


RunEvent: TypeAlias = TaskStarted | HostResult | Note | StepStarted | StepEnded


class Cell(_Event):
    """What one step did on one host so far."""

    ok: int = 0
    changed: int = 0
    failed: int = 0


class Progress(_Event):
    """Hosts x steps, and the tasks that changed something or failed, in order."""

    hosts: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    cells: dict[tuple[str, str], Cell] = {}
    current: str = ""
    changed: tuple[HostResult, ...] = ()
    failures: tuple[HostResult, ...] = ()


def fold(progress: Progress, event: RunEvent) -> Progress:
    """The progress after ``event``."""
    match event:
        case Note(text=text):
            return progress.model_copy(update={"current": text})
        case StepStarted(title=title):
            return progress.model_copy(update={"current": title})
        case StepEnded():
            return progress
        case TaskStarted(step=step, task=task):
            steps = progress.steps if step in progress.steps else (*progress.steps, step)
            return progress.model_copy(update={"steps": steps, "current": task})
        case HostResult():
            return _fold_result(progress, event)


def _fold_result(progress: Progress, event: HostResult) -> Progress:
    host, key = event.host, (event.host, event.step)
    cell = progress.cells.get(key, Cell())
    update: dict[str, object] = {}
    if host not in progress.hosts:
        update["hosts"] = (*progress.hosts, host)
    if event.outcome in (Outcome.FAILED, Outcome.UNREACHABLE):
        cell = cell.model_copy(update={"failed": cell.failed + 1})
        update["failures"] = (*progress.failures, event)
    elif event.outcome is Outcome.CHANGED:
        cell = cell.model_copy(update={"changed": cell.changed + 1})
        update["changed"] = (*progress.changed, event)
    else:
        cell = cell.model_copy(update={"ok": cell.ok + 1})
    update["cells"] = progress.cells | {key: cell}
    return progress.model_copy(update=update)
