"""Jobs that would never end, as the head that took them has: they are found and ended.

Ray (2.54 to 2.60) keeps a job PENDING whose supervisor its agent had not yet started when the head
ended, for 900 s by default. It keeps one RUNNING whose supervisor died with the head until
another job is submitted, as the agent looks at jobs from the first submission on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)

NEVER_BEGAN = "the head ended before this job began; nothing of it ran: submit it again"
DRIVER_LOST = "the driver of this job ended with the node it ran on: submit it again"

# A supervisor that was started reports that within this time to a head that just started.
GRACE_S = 30.0
LOOK_EVERY_S = 10.0


@dataclass(frozen=True)
class Job:
    """A job that has not ended; ``submitted_s`` in seconds since the epoch."""

    id: str
    running: bool
    submitted_s: float


class JobTable(Protocol):
    """The jobs that the GCS knows. Every method raises whatever Ray's client raises."""

    def head_since_s(self) -> float:
        """When the node of the head that runs now registered, in seconds since the epoch."""
        ...

    def unfinished(self) -> Iterable[Job]: ...

    def has_supervisor(self, job: str) -> bool:
        """Whether its supervisor lives, or is to be started."""
        ...

    def fail(self, job: str, message: str, at_s: float) -> None:
        """End its supervisor if there is one, and call the job FAILED if nothing else ended it.

        ``at_s``, in seconds since the epoch, is its end.
        """
        ...


class LostJobs:
    """Looks at the jobs every now and then, and ends those that nothing will."""

    def __init__(self, table: JobTable, clock: Callable[[], float]) -> None:
        self._table = table
        self._clock = clock
        self._looked_at = float("-inf")
        self._without_supervisor: set[str] = set()
        self._failed: dict[str, str] = {}

    def look(self) -> None:
        """Called often. Raises what the table raises, and goes on at the next call."""
        now = self._clock()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        # Ray's agent, where it looks at jobs, writes its own word over the first.
        while self._failed:
            self._table.fail(*self._failed.popitem(), now)
        for job, message in self._lost(now):
            logger.warning("job %s: %s", job, message)
            self._table.fail(job, message, now)
            self._failed[job] = message

    def _lost(self, now: float) -> list[tuple[str, str]]:
        since = self._table.head_since_s()
        jobs = list(self._table.unfinished())
        waiting = [job.id for job in jobs if not job.running and job.submitted_s < since]
        never_began = waiting if now - since > GRACE_S else []
        # One look may fall between a supervisor's end and its last word.
        alone = {job.id for job in jobs if job.running and not self._table.has_supervisor(job.id)}
        without, self._without_supervisor = alone & self._without_supervisor, alone
        return [
            *((job, NEVER_BEGAN) for job in never_began),
            *((job, DRIVER_LOST) for job in sorted(without)),
        ]
