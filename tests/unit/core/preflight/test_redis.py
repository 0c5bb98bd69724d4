"""What is said of a Redis that is already there."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.preflight.findings import FindingState
from adbray_ctl.core.preflight.redis import RedisReading, judge

GOOD: dict[str, Any] = {
    "version": "7.0.15",
    "role": "master",
    "aof": True,
    "snapshots": False,
    "policy": "noeviction",
    "idle_timeout_s": 0,
    "leads": True,
}
URL = "redis://10.0.0.9:6379"


@pytest.mark.parametrize(
    ("changes", "state", "shown"),
    [
        ({}, FindingState.OK, "Redis 7.0.15 at redis://10.0.0.9:6379"),
        # Managed services tell no settings.
        ({"aof": None, "snapshots": None, "idle_timeout_s": None}, FindingState.OK, "Redis 7"),
        ({"policy": "volatile-lru"}, FindingState.OK, "Redis 7"),
        ({"error": "Connection refused"}, FindingState.FAIL, "does not answer: Connection refused"),
        ({"version": "5.0.14"}, FindingState.FAIL, "is Redis 5.0.14"),
        ({"role": "slave"}, FindingState.FAIL, "is a slave"),
        (
            {"leads": False, "refused": "NOPERM eval"},
            FindingState.FAIL,
            "leadership there: NOPERM eval",
        ),
        ({"policy": "allkeys-lru"}, FindingState.FAIL, "evicts"),
        ({"aof": False}, FindingState.WARN, "keeps nothing on disk"),
        ({"aof": False, "snapshots": True}, FindingState.WARN, "snapshots only"),
        ({"idle_timeout_s": 300}, FindingState.WARN, "idle for 300 s"),
    ],
)
def test_one_thing_at_a_time(changes: dict[str, Any], state: FindingState, shown: str) -> None:
    (found,) = judge("a", URL, RedisReading(**GOOD | changes))
    assert found.state is state
    assert shown in found.found
    assert bool(found.remedy) is (state is not FindingState.OK)


def test_everything_wrong_is_told_at_once() -> None:
    found = judge("a", URL, RedisReading(**GOOD | {"policy": "allkeys-lfu", "aof": False}))
    assert [one.state for one in found] == [FindingState.FAIL, FindingState.WARN]
