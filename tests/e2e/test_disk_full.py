"""A job fills the head's disk; the rest is tests/soak/test_full_disks.py.

Before test_environments: Ray makes the environments of its jobs again when a head starts, and the
next start removes them, which frees more than this test looks for.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import GROUP, Project
from tests.e2e.full import FILL, Head, lives_through_it


@pytest.fixture
def head(cluster: Project) -> Iterator[Head]:
    """The head of the group; its disk has room again afterwards, also when the test fails."""
    yield Head(cluster, GROUP, cluster.slot("head")["host"])
    cluster.adbray("clean", GROUP, "head", "--yes")


def test_a_head_lives_through_a_job_that_fills_its_disk(head: Head) -> None:
    done = head.submit("--", "sh", "-c", FILL % "$HOME/results")
    assert done.code in (0, 1), done.err
    assert "largest: files of jobs, " in head.problem()
    assert "(tmp/results.1M)" in head.problem()
    shown = head.project.ok("clean", GROUP, "head", "--dry-run")
    assert "the room that adbray keeps for a start" in shown
    lives_through_it(head)
    left = head.project.on(head.host, f"ls {head.tmp}")
    assert "results" not in left
