"""As what a Redis starts, and what its Sentinel keeps: the host's script without its talk."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest

from tests.unit.host_script import load

TEMPLATE = Path(__file__).parents[3] / "roles" / "redis" / "templates" / "start_redis.py.j2"
MEMBERS = [{"address": f"10.0.0.{n}", "port": 6, "sentinel_port": 7} for n in (1, 2, 3)]
ONE, TWO, GONE = "10.0.0.1 6", "10.0.0.2 6", "10.0.0.9 6"
CONF = """\
port 7
sentinel announce-port 7
sentinel auth-user gcs adbray
"""


class Started(Exception):
    """What the script would become."""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - it renders Python
    environment.filters["to_json"] = json.dumps
    text = environment.from_string(TEMPLATE.read_text()).render(
        redis_members=MEMBERS,
        redis_bind="10.0.0.1",
        redis_port=6,
        _redis_primary="gcs",
        _redis_etc=str(tmp_path),
        _redis_sentinel_dir=str(tmp_path),
        _redis_admin="adbray",
    )
    path = tmp_path / "start_redis.py"
    path.write_text(text)
    module: ModuleType = load(path)

    def become(_: str, words: list[str]) -> None:
        raise Started(*words)

    # What is replaced by name is what would replace this process.
    monkeypatch.setattr(module.os, "execv", become)
    monkeypatch.setattr(module.os, "dup2", lambda *_: None)
    monkeypatch.setenv("REDISCLI_AUTH", "secret")
    monkeypatch.setattr(module, "WITHIN_S", 0.0)
    return module


def told(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> None:
    by_address = {m["address"]: answer for m, answer in zip(MEMBERS, answers, strict=True)}
    monkeypatch.setattr(module, "told", lambda member: by_address[member["address"]])


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
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, answers: Any, replica_of: str | None
) -> None:
    told(script, monkeypatch, *answers)
    with pytest.raises(Started) as started:
        script.start_server()
    words = started.value.args
    assert words[-1] == "-"
    assert not any("secret" in word for word in words)
    shown = words[words.index("--replicaof") + 1 :][:2] if "--replicaof" in words else None
    assert shown == (tuple(replica_of.split()) if replica_of else None)


def sentinel_file(script: ModuleType, conf: Path, before: str) -> list[str]:
    (conf / "sentinel.conf").write_text(CONF)
    state = conf / "state.conf"
    setattr(script, "STATE", str(state))  # noqa: B010 - mypy knows no name of it
    if before:
        state.write_text(before)
    with pytest.raises(Started):
        script.start_sentinel()
    return state.read_text().splitlines()


def test_a_first_sentinel_watches_the_first_member(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(script, monkeypatch, None, None, None)
    lines = sentinel_file(script, tmp_path, "")
    assert lines[-2:] == ["sentinel monitor gcs 10.0.0.1 6 2", "sentinel auth-user gcs adbray"]
    assert lines[:2] == ["port 7", "sentinel announce-port 7"]


def test_a_sentinel_keeps_what_it_knows_of_members(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(script, monkeypatch, None, None, None)
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
    lines = sentinel_file(script, tmp_path, before)
    assert "sentinel monitor gcs 10.0.0.2 6 2" in lines
    assert {"sentinel myid abc", "sentinel config-epoch gcs 4", "sentinel current-epoch 5"} <= set(
        lines
    )
    assert "sentinel known-replica gcs 10.0.0.1 6" in lines
    assert not any("10.0.0.9" in line or "old" in line for line in lines)


def test_a_sentinel_that_was_away_learns_from_the_others(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told(script, monkeypatch, None, (2, TWO), (2, TWO))
    before = """\
sentinel monitor gcs 10.0.0.1 6 2
sentinel config-epoch gcs 1
sentinel known-replica gcs 10.0.0.2 6
sentinel known-replica gcs 10.0.0.3 6
"""
    lines = sentinel_file(script, tmp_path, before)
    assert "sentinel monitor gcs 10.0.0.2 6 2" in lines
    # It would be told to follow itself.
    assert "sentinel known-replica gcs 10.0.0.2 6" not in lines
    assert "sentinel known-replica gcs 10.0.0.3 6" in lines
