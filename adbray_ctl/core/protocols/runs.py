"""What runs elsewhere, as the services see it: playbooks, power commands, jobs, the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from adbray_ctl.core.events import RunEvent
    from adbray_ctl.core.inventory.scope import Scope
    from adbray_ctl.core.jobs.job import Job
    from adbray_ctl.core.jobs.request import JobRequest
    from adbray_ctl.core.jobs.uploads import UploadRoom

Report: TypeAlias = "Callable[[RunEvent], None]"


class PlaybookRunner(Protocol):
    """Runs a playbook on an inventory."""

    def run(
        self, playbook: str, inventory: Path, report: Report, scope: Scope | None = None
    ) -> Path:
        """Run to the end and give the log's path.

        Raises RunError naming host, task and the log when anything failed.
        """

    def output(self, log: str, most: int) -> str:
        """The last lines of a run's log, of ``most`` bytes; nothing if it is not there."""


class PowerDriver(Protocol):
    """Runs the commands that wake hosts, on this machine."""

    def run(self, host: str, words: Sequence[str]) -> None:
        """Run one of ``host``'s commands to its end. Raises HostError with what it said."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds, monotonic."""

    def time(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class JobApi(Protocol):
    """Ray's job submission API of one group."""

    def check(self) -> str:
        """Ray's version. Raises ClusterError when the address or the token is refused."""

    def room(self) -> UploadRoom | None:
        """What the cluster's store takes now; None of a head that does not say."""

    def submit(self, request: JobRequest) -> str:
        """Submit and give the job's submission id.

        Raises UsageError for a runtime environment that Ray does not take.
        """

    def list(self) -> tuple[Job, ...]:
        """All jobs, newest first."""

    def status(self, job_id: str) -> Job:
        """One job. Raises ClusterError when there is none of that id."""

    def logs(self, job_id: str) -> str:
        """What the job printed so far."""

    def follow(self, job_id: str) -> Iterator[str]:
        """The job's output as it comes, until the job ends."""

    def stop(self, job_id: str) -> bool:
        """Ask the job to stop; False when it had ended already."""

    def delete(self, job_id: str) -> None:
        """Remove an ended job from the cluster's list."""
