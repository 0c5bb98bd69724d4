"""A Redis that is already there, in memory and asked by the script that a host runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adbray_ctl.core.preflight.redis import Namespace, Namespaces
from adbray_ctl.core.protocols.hosts import RedisProbe
from adbray_ctl.core.spec.redis import RedisSpec
from adbray_ctl.testing.redis import FakeRedis
from tests.contract.asked_redis import FLEET, Asked
from tests.contract.redis_server import running

LED, OLD = "led-00000001", "old-00000001"


@pytest.fixture(params=["fake", "real"])
def probe(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[RedisProbe, RedisSpec]]:
    """One with two namespaces, of which a head leads the first."""
    if request.param == "fake":
        led = Namespace(name=LED, keys=2, leader="lab9")
        kept = Namespaces(found=(led, Namespace(name=OLD, keys=2)))
        spec = {"mode": "external", "url": "redis://10.0.0.9:6379"}
        yield FakeRedis(kept=kept), RedisSpec.model_validate(spec)
        return
    with running("fake", tmp_path) as server:
        asked = Asked(server)
        yield asked.redis, asked.spec


def test_namespaces_are_listed_and_one_goes_alone(probe: tuple[RedisProbe, RedisSpec]) -> None:
    redis, spec = probe

    def found() -> list[tuple[str, int, str]]:
        return [
            (one.name, one.keys, one.leader) for one in redis.namespaces(FLEET, "a", spec).found
        ]

    assert found() == [(LED, 2, "lab9"), (OLD, 2, "")]
    assert redis.clear(FLEET, "a", spec, OLD).removed == 2
    assert found() == [(LED, 2, "lab9")]
    assert redis.clear(FLEET, "a", spec, OLD).removed == 0


def test_a_namespace_that_is_led_stays(probe: tuple[RedisProbe, RedisSpec]) -> None:
    redis, spec = probe
    kept = redis.clear(FLEET, "a", spec, LED)
    assert (kept.leader, kept.removed) == ("lab9", 0)
    assert len(redis.namespaces(FLEET, "a", spec).found) == 2
