"""Jobs that the end of a head left behind are ended, and no others."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from adbray_ctl.provider.lost_jobs import (
    DRIVER_LOST,
    GRACE_S,
    LOOK_EVERY_S,
    NEVER_BEGAN,
    Job,
    LostJobs,
)

HEAD_SINCE_S = 1000.0


class Table:
    """The jobs of a GCS, and those that were ended."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.supervised: set[str] = set()
        self.failed: list[tuple[str, str]] = []
        self.silent = False

    def head_since_s(self) -> float:
        if self.silent:
            raise RuntimeError("the GCS does not answer")
        return HEAD_SINCE_S

    def unfinished(self) -> Iterable[Job]:
        return self.jobs

    def has_supervisor(self, job: str) -> bool:
        return job in self.supervised

    def fail(self, job: str, message: str, at_s: float) -> None:
        self.failed.append((job, message))
        self.jobs = [one for one in self.jobs if one.id != job]


class Looks:
    def __init__(self) -> None:
        self.table, self.now = Table(), HEAD_SINCE_S
        self.lost = LostJobs(self.table, lambda: self.now)

    def look(self, after_s: float = LOOK_EVERY_S) -> list[tuple[str, str]]:
        """What a look that long after the last one ends."""
        self.now += after_s
        self.table.failed.clear()
        self.lost.look()
        return list(self.table.failed)


@pytest.fixture
def looks() -> Looks:
    return Looks()


def test_a_job_that_waited_when_the_head_ended_is_ended_after_a_grace(looks: Looks) -> None:
    looks.table.jobs = [Job("old", running=False, submitted_s=HEAD_SINCE_S - 1)]
    looks.table.supervised = {"old"}
    assert looks.look() == []
    assert looks.look(GRACE_S) == [("old", NEVER_BEGAN)]


def test_a_job_is_failed_a_second_time_as_the_agent_overwrites_the_first(looks: Looks) -> None:
    looks.table.jobs = [Job("old", running=False, submitted_s=HEAD_SINCE_S - 1)]
    looks.look(GRACE_S + 1)
    assert looks.look() == [("old", NEVER_BEGAN)]
    assert looks.look() == []


def test_a_job_that_waits_for_a_worker_goes_on_waiting(looks: Looks) -> None:
    looks.table.jobs = [Job("new", running=False, submitted_s=HEAD_SINCE_S + 1)]
    assert looks.look(10 * GRACE_S) == []


def test_a_job_whose_driver_is_gone_at_two_looks_is_ended(looks: Looks) -> None:
    looks.table.jobs = [
        Job("alone", running=True, submitted_s=HEAD_SINCE_S - 1),
        Job("driven", running=True, submitted_s=HEAD_SINCE_S - 1),
    ]
    looks.table.supervised = {"driven"}
    assert looks.look() == []
    assert looks.look() == [("alone", DRIVER_LOST)]


def test_a_driver_that_is_back_at_the_next_look_is_not_lost(looks: Looks) -> None:
    looks.table.jobs = [Job("job", running=True, submitted_s=HEAD_SINCE_S)]
    looks.look()
    looks.table.supervised = {"job"}
    assert looks.look() == []
    looks.table.supervised = set()
    assert looks.look() == []


def test_jobs_are_looked_at_once_an_interval(looks: Looks) -> None:
    looks.table.jobs = [Job("alone", running=True, submitted_s=HEAD_SINCE_S)]
    assert [looks.look(LOOK_EVERY_S / 2) for _ in range(3)] == [[], [], [("alone", DRIVER_LOST)]]


def test_a_gcs_that_is_silent_is_asked_again(looks: Looks) -> None:
    looks.table.jobs = [Job("old", running=False, submitted_s=HEAD_SINCE_S - 1)]
    looks.table.silent = True
    with pytest.raises(RuntimeError):
        looks.look(GRACE_S + 1)
    looks.table.silent = False
    assert looks.look() == [("old", NEVER_BEGAN)]
