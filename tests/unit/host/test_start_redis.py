"""As what a Redis starts, and what its Sentinel keeps: the host's program without its talk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from adbray_host.start import redis

MEMBERS = [{"address": f"10.0.0.{n}", "port": 6, "sentinel_port": 7} for n in (1, 2, 3)]
ONE, TWO, GONE = "10.0.0.1 6", "10.0.0.2 6", "10.0.0.9 6"
CONF = """\
port 7
sentinel announce-port 7
sentinel auth-user gcs adbray
"""


class Started(Exception):
    """What the program would become."""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> redis.Config:
    def become(_: str, words: list[str]) -> None:
        raise Started(*words)

    # What is replaced by name is what would replace this process.
    monkeypatch.setattr(os, "execv", become)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setenv("REDISCLI_AUTH", "secret")
    monkeypatch.setattr(redis, "WITHIN_S", 0.0)
    return redis.Config(
        members=MEMBERS,
        name="gcs",
        etc=str(tmp_path),
        state=str(tmp_path / "state.conf"),
        me=ONE,
        admin="adbray",
    )


def answer(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> None:
    views = [redis.View(*one) if one else None for one in answers]
    by_address = {m["address"]: view for m, view in zip(MEMBERS, views, strict=True)}
    monkeypatch.setattr(redis, "asked", lambda _, member: by_address[member["address"]])


@pytest.mark.parametrize(
    ("answers", "replica_of"),
    [
        (((0, ONE), (0, ONE), (0, ONE)), None),
        (((0, ONE), (1, TWO), (1, TWO)), TWO),
        # One that knows a newer epoch is right against two that were away.
        (((0, ONE), (0, ONE), (1, TWO)), TWO),
        (((0, ONE), (0, TWO), (0, TWO)), TWO),
        ((None, None, (3, TWO)), TWO),
        # One that leaves has what a new member lacks, as long as it is the primary.
        (((0, ONE), (4, GONE), (4, GONE)), GONE),
    ],
)
def test_a_server_starts_as_what_the_sentinels_know(
    config: redis.Config, monkeypatch: pytest.MonkeyPatch, answers: Any, replica_of: str | None
) -> None:
    answer(monkeypatch, *answers)
    with pytest.raises(Started) as started:
        redis.start_server(config)
    words = started.value.args
    assert words[-1] == "-"
    assert not any("secret" in word for word in words)
    shown = words[words.index("--replicaof") + 1 :][:2] if "--replicaof" in words else None
    assert shown == (tuple(replica_of.split()) if replica_of else None)


def sentinel_file(config: redis.Config, conf: Path, before: str) -> list[str]:
    (conf / "sentinel.conf").write_text(CONF)
    state = Path(config.state)
    if before:
        state.write_text(before)
    with pytest.raises(Started):
        redis.start_sentinel(config)
    return state.read_text().splitlines()


def test_a_first_sentinel_watches_the_first_member(
    config: redis.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer(monkeypatch, None, None, None)
    lines = sentinel_file(config, tmp_path, "")
    assert lines[-2:] == ["sentinel monitor gcs 10.0.0.1 6 2", "sentinel auth-user gcs adbray"]
    assert lines[:2] == ["port 7", "sentinel announce-port 7"]


def test_a_sentinel_keeps_what_it_knows_of_members(
    config: redis.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer(monkeypatch, None, None, None)
    before = """\
sentinel myid abc
sentinel monitor gcs 10.0.0.2 6 2
sentinel config-epoch gcs 4
sentinel current-epoch 5
sentinel known-replica gcs 10.0.0.1 6
sentinel known-replica gcs 10.0.0.9 6
sentinel known-sentinel gcs 10.0.0.9 7 def
sentinel auth-pass gcs old
"""
    lines = sentinel_file(config, tmp_path, before)
    assert "sentinel monitor gcs 10.0.0.2 6 2" in lines
    assert {"sentinel myid abc", "sentinel config-epoch gcs 4", "sentinel current-epoch 5"} <= set(
        lines
    )
    assert "sentinel known-replica gcs 10.0.0.1 6" in lines
    assert not any("10.0.0.9" in line or "old" in line for line in lines)


def test_a_sentinel_that_was_away_learns_from_the_others(
    config: redis.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer(monkeypatch, None, (2, TWO), (2, TWO))
    before = """\
sentinel monitor gcs 10.0.0.1 6 2
sentinel config-epoch gcs 1
sentinel known-replica gcs 10.0.0.2 6
sentinel known-replica gcs 10.0.0.3 6
"""
    lines = sentinel_file(config, tmp_path, before)
    assert "sentinel monitor gcs 10.0.0.2 6 2" in lines
    # It would be told to follow itself.
    assert "sentinel known-replica gcs 10.0.0.2 6" not in lines
    assert "sentinel known-replica gcs 10.0.0.3 6" in lines
