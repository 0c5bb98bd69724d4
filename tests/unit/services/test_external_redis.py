"""A Redis that is already there is asked before a head depends on it, and at no other time."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import ClusterError, HostError
from adbray_ctl.core.events import Note, RunEvent
from adbray_ctl.core.preflight.findings import FindingState
from adbray_ctl.core.preflight.redis import RedisReading
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.redis import RedisSpec
from adbray_ctl.services.check import check
from adbray_ctl.services.external_redis import findings, require
from adbray_ctl.testing.redis import FakeRedis
from tests.unit.converging import GROUP, Cluster

EXTERNAL = GROUP.replace(
    "redis: {hosts: {names: [a]}}", 'redis: {mode: external, url: "redis://10.0.0.9:6379"}'
)
GOOD = RedisReading(version="7.2", role="master", aof=True, policy="noeviction", leads=True)
REPLICA = GOOD.model_copy(update={"role": "slave"})
FORGETS = GOOD.model_copy(update={"aof": False})


class Unasked(FakeRedis):
    def read(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> RedisReading:
        raise AssertionError("there is nothing to ask")


class Unreachable(FakeRedis):
    def read(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> RedisReading:
        raise HostError("no python3", where=host)


def new(directory: Path, redis: FakeRedis) -> Cluster:
    """A group to be made on ``redis``."""
    cluster = Cluster(directory, stands=False)
    cluster.file.write_text(EXTERNAL)
    cluster.redis = redis
    return cluster


def required(cluster: Cluster) -> list[str]:
    """What is reported before the first step."""
    notes: list[str] = []

    def report(event: RunEvent) -> None:
        assert isinstance(event, Note)
        notes.append(event.text)

    require(cluster.tools, cluster.prepare(), report)
    return notes


def test_one_that_keeps_all_is_taken_without_a_word(tmp_path: Path) -> None:
    assert required(new(tmp_path, FakeRedis(GOOD))) == []


def test_one_that_may_forget_is_taken_and_named(tmp_path: Path) -> None:
    (note,) = required(new(tmp_path, FakeRedis(FORGETS)))
    assert note.startswith("a: redis://10.0.0.9:6379 keeps nothing on disk")
    assert note.endswith("; set appendonly yes")


def test_one_that_cannot_keep_it_ends_an_apply_before_its_first_step(tmp_path: Path) -> None:
    cluster = new(tmp_path, FakeRedis(REPLICA))
    with pytest.raises(ClusterError, match="is a slave") as caught:
        cluster.change(text=EXTERNAL)
    assert (caught.value.where, cluster.touched) == ("a", False)
    assert cluster.journal.lines == []


def test_a_host_that_cannot_ask_is_a_finding(tmp_path: Path) -> None:
    cluster = new(tmp_path, Unreachable())
    with pytest.raises(ClusterError, match="does not answer: no python3"):
        required(cluster)
    (found,) = (one for one in check(cluster.tools, "demo").findings if one.check == "redis")
    assert found.state is FindingState.FAIL


def test_each_host_that_may_run_the_head_is_asked(tmp_path: Path) -> None:
    cluster = new(tmp_path, FakeRedis(REPLICA))
    hosts = "hosts: {names: [a, b]}, standby: 1, virtual_ip: 10.0.0.100}"
    cluster.file.write_text(EXTERNAL.replace("hosts: {names: [a]}}", hosts))
    prepared = cluster.prepare()
    found = findings(
        cluster.tools, prepared.fleet, prepared.spec, prepared.topology, prepared.namespace
    )
    assert [one.host for one in found] == ["a", "b"]


def test_a_redis_of_its_own_is_not_asked(tmp_path: Path) -> None:
    cluster = new(tmp_path, Unasked())
    cluster.file.write_text(GROUP)
    assert required(cluster) == []


def test_where_no_head_starts_it_is_not_asked(tmp_path: Path) -> None:
    cluster = new(tmp_path, FakeRedis(GOOD))
    cluster.change(text=EXTERNAL)
    cluster.redis = Unasked()
    cluster.change(text=EXTERNAL.replace('X: "1"', 'X: "2"'))
    assert cluster.states(2)["w-0"] == "done"
