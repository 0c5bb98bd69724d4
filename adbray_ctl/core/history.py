"""What was done to a group: each run with its plan, and how each node came out of it.

Times are seconds since the epoch.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class RunOutcome(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The process that carried it out ended before the run did."""


class NodeState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class _Row(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class NodeResult(_Row):
    """What a run did to one node on one host; a node that moves has a row for each of its two.

    A state of running in an ended run is where it broke off.
    """

    node: str
    host: str
    action: str
    reason: str
    state: NodeState = NodeState.PENDING
    started_at: float | None = None
    ended_at: float | None = None


class RunStart(_Row):
    """A run that is about to begin: ``plan`` is JSON, ``spec`` and ``fleet`` the files' text.

    ``plan`` is empty for a run that carries out none, ``spec`` for a group without a file.
    """

    group: str
    command: str
    started_at: float
    plan: str
    spec: str
    fleet: str
    nodes: tuple[NodeResult, ...]


class Run(_Row):
    """A run as the history lists it."""

    number: int
    group: str
    command: str
    who: str
    started_at: float
    ended_at: float | None
    outcome: RunOutcome
    error: str


class RunDetail(Run):
    """A run with all that is known of it; ``logs`` are paths of Ansible's output."""

    plan: str
    spec: str
    fleet: str
    nodes: tuple[NodeResult, ...]
    logs: tuple[str, ...]
