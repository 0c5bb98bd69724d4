"""What may die without the cluster's state: its head's processes, its head's host, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.slot.record import SlotKind, SlotRecord


class Level(StrEnum):
    """The most that may be lost, with cluster, actors and jobs going on."""

    NONE = "none"
    """Nothing: the state ends with the head's processes."""
    PROCESS = "process"
    """The head's processes, which are started again on the same host."""
    HOST = "host"
    """The head's host too: another one takes the head over."""


class Protection(BaseModel):
    """How far a group is protected, and why not further."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    level: Level
    why: str


def protection_of(
    slots: Sequence[tuple[str, SlotRecord]],
    waits: Collection[str],
    silent: Sequence[str] = (),
) -> Protection | None:
    """The protection of a group by its ``slots`` and their hosts; None without a head.

    ``waits`` are the hosts on which a keeper waits to take the head over. What is not seen may be
    on one of the ``silent`` hosts; it protects nothing while they are.
    """
    heads = {host: record for host, record in slots if record.kind is SlotKind.HEAD}
    own = [host for host, record in slots if record.kind is SlotKind.REDIS]
    # Of several under Sentinel, one may go with the head's host.
    redis = own[0] if len(own) == 1 else None
    if not heads:
        return None
    if any(record.settings.get("gcs_storage") == "rocksdb" for record in heads.values()):
        why = "the head's disk keeps what it knows, and would be lost with its host: gcs_storage"
        return Protection(level=Level.PROCESS, why=why)
    if not own and not any(record.external_redis for record in heads.values()):
        why = _unseen("Redis", silent) or "nothing keeps what the head knows: redis.mode"
        return Protection(level=Level.NONE, why=why)
    if not waits:
        why = _unseen("waiting standby", silent) or "there is no standby: head.standby"
        why = why if len(heads) == 1 else "no standby waits"
        return Protection(level=Level.PROCESS, why=why)
    if redis in heads and redis not in waits:
        why = f"Redis is on {redis}, where the head runs, and would be lost with it"
        return Protection(level=Level.PROCESS, why=why)
    return Protection(level=Level.HOST, why=f"ready to take over: {', '.join(sorted(waits))}")


def _unseen(what: str, silent: Sequence[str]) -> str:
    answer = "gives" if len(silent) == 1 else "give"
    return f"no {what} is seen; {', '.join(silent)} {answer} no answer" if silent else ""
