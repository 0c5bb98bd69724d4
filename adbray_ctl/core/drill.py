"""A drill: a fault made for real, and what a driver in the cluster saw of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.core.slot.record import SlotKind

# A call that takes longer than this is an interruption.
SLOW_S = 1.0


class Fault(StrEnum):
    """What is broken."""

    HEAD_PROCESS = "head-process"
    """A process of the head is killed: GCS, its raylet, or all of them."""
    HEAD_HANG = "head-hang"
    """GCS is stopped, and neither ends nor answers."""
    HEAD_HOST = "head-host"
    """The head's host reaches no other host of the fleet any more."""
    REDIS = "redis"
    """Redis is killed."""
    WORKER_HOST = "worker-host"
    """A worker's host reaches no other host of the fleet any more."""


class Process(StrEnum):
    """Which process of a head is killed or stopped."""

    GCS = "gcs"
    RAYLET = "raylet"
    ALL = "all"


class Kind(StrEnum):
    """What the driver tries, again and again."""

    HELD = "held"
    """Call an actor whose handle the driver has."""
    ACTOR = "actor"
    """Look an actor up by its name, and call it, as a new driver does."""
    TASK = "task"
    """Run a task of a function that was never used before."""


class Call(BaseModel):
    """One try: begun and ended at (seconds on the control machine's clock); ``value`` is a count.

    ``error`` is empty where it succeeded.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    kind: Kind
    began: float
    ended: float
    value: int = 0
    error: str = ""

    @property
    def interrupted(self) -> bool:
        return bool(self.error) or self.ended - self.began > SLOW_S


class Moment(BaseModel):
    """Something that was seen, in seconds after the fault."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    at_s: float
    what: str


class Drill(BaseModel):
    """What came of a drill, times in seconds after the fault.

    ``recovered_s`` is when an actor was first looked up and called again, ``tasks_s`` when a first
    new task ran, ``held_s`` when an actor answered that the driver knew all along; 0 means that no
    such call failed or took longer than ``SLOW_S``. ``actor_kept`` says that the
    actor's count went on, ``jobs`` are the running jobs with their state afterwards.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    group: str
    fault: Fault
    host: str
    leader_before: str
    leader_after: str
    recovered_s: float
    tasks_s: float
    held_s: float
    nodes_back_s: float
    actor_kept: bool
    failed_calls: int
    jobs: dict[str, str] = {}
    timeline: tuple[Moment, ...] = ()


def interruption_s(calls: Sequence[Call], kind: Kind, fault_at: float) -> float:
    """From the fault to the end of the last interrupted stretch of ``kind``: 0 if there was none.

    A call that was merely slow ended it itself; after a failed one the next success does.
    """
    mine = sorted(
        (c for c in calls if c.kind is kind and c.ended > fault_at), key=lambda c: c.began
    )
    end = 0.0
    failing = False
    for call in mine:
        if call.error:
            failing = True
        elif failing or call.interrupted:
            end = call.ended - fault_at
            failing = False
    return end


def are_steady(calls: Sequence[Call], after: float, times: int = 3) -> bool:
    """Whether the last ``times`` calls of each kind, begun after ``after``, went well."""
    for kind in Kind:
        last = [call for call in calls if call.kind is kind and call.began > after][-times:]
        if len(last) < times or any(call.interrupted for call in last):
            return False
    return True


def count_went_on(calls: Sequence[Call]) -> bool:
    """Whether the actor kept its memory: each answer is higher than the one before."""
    values = [call.value for call in calls if call.kind is Kind.HELD and not call.error]
    return all(a < b for a, b in pairwise(values))


def not_back(before: GroupStatus, now: GroupStatus) -> tuple[str, ...]:
    """What is not back yet, in words: what a group lacks, as everywhere, and what is not seen.

    A worker above min_workers need not come back: the autoscaler may have stopped it meanwhile.
    """
    seen = {(slot.slot, slot.host) for slot in now.slots}
    unseen = tuple(
        f"{slot.slot} on {slot.host} is not seen"
        for slot in before.slots
        if slot.kind is not SlotKind.WORKER and (slot.slot, slot.host) not in seen
    )
    missing = (*now.lacking, *unseen)
    return missing if missing or now.ready else now.problems or ("it is not ready",)
