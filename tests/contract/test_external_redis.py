"""What adbray asks of an external Redis, by the very scripts that a head's host runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adbray_ctl.adapters.ssh.redis_check import SshRedis
from adbray_ctl.core.spec.redis import RedisSpec
from tests.contract.asked_redis import FLEET, KEYS, Asked, Here
from tests.contract.redis_server import certificate_for, keys_of, running, running_tls


@pytest.fixture(params=["real", "fake"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Asked]:
    with running(request.param, tmp_path) as server:
        yield Asked(server)


def test_namespaces_of_adbray_s_form_are_listed(asked: Asked) -> None:
    shown = asked.redis.namespaces(FLEET, "a", asked.spec)
    assert (shown.error, shown.sealed) == ("", 0)
    assert [(one.name, one.keys, one.leader) for one in shown.found] == [
        ("led-00000001", 2, "lab9"),
        ("old-00000001", 2, ""),
    ]


def test_a_namespace_goes_alone(asked: Asked) -> None:
    shown = asked.redis.clear(FLEET, "a", asked.spec, "old-00000001")
    assert (shown.removed, shown.left, shown.refused) == (2, (), "")
    assert keys_of(asked.server) == sorted(set(KEYS) - set(KEYS[:2]))
    assert asked.redis.clear(FLEET, "a", asked.spec, "old-00000001").removed == 0


def test_a_namespace_that_is_led_stays(asked: Asked) -> None:
    assert asked.redis.clear(FLEET, "a", asked.spec, "led-00000001").leader == "lab9"
    assert keys_of(asked.server) == sorted(KEYS)


def test_idle_times_users_and_silence(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    with running("real", tmp_path) as server:
        asked = Asked(server)
        (_, old) = asked.redis.namespaces(FLEET, "a", asked.spec).found
        assert old.idle_s is not None
        assert 0 <= old.idle_s < 30
        asked.ask("ACL", "SETUSER", "me", "on", ">secret", "~RAYold-*", "-@all", "+scan", "+get")
        mine = asked.spec.model_copy(update={"username": "me", "password_file": str(password)})
        shown = asked.redis.namespaces(FLEET, "a", mine)
        assert [(one.name, one.idle_s) for one in shown.found] == [("old-00000001", None)]
        assert shown.sealed == 1, "the other's keys are not this user's to judge"
        assert "NOPERM" in asked.redis.clear(FLEET, "a", mine, "old-00000001").refused
        assert keys_of(server) == sorted(KEYS)
    assert "refused" in asked.redis.namespaces(FLEET, "a", asked.spec).error
    assert "refused" in asked.redis.clear(FLEET, "a", asked.spec, "old-00000001").silent


def test_what_one_tells_of_itself(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    with running("real", tmp_path) as server:
        asked = Asked(server)
        asked.ask("CONFIG", "SET", "appendonly", "yes")
        allowed = ("~RAYold-*", "-@all", "+info", "+eval", "+set", "+pttl", "+del")
        asked.ask("ACL", "SETUSER", "me", "on", ">secret", *allowed)
        mine = asked.spec.model_copy(update={"username": "me", "password_file": str(password)})
        found = asked.redis.read(FLEET, "a", mine, "old-00000001")
        assert (found.role, found.aof, found.policy) == ("master", True, "noeviction")
        assert (found.leads, found.error, found.refused) == (True, "", "")
        assert found.idle_timeout_s is None, "the user may not read settings"
        assert asked.redis.read(FLEET, "a", asked.spec, "old-00000001").idle_timeout_s == 0
        assert "NOPERM" in asked.redis.read(FLEET, "a", mine, "led-00000001").refused
        password.write_text("another\n")
        assert "WRONGPASS" in asked.redis.read(FLEET, "a", mine, "old-00000001").error
    assert "refused" in asked.redis.read(FLEET, "a", mine, "old-00000001").error


def test_one_that_speaks_tls_is_held_against_its_authority(tmp_path: Path) -> None:
    with running_tls(tmp_path, certificate_for("localhost")) as server:
        url = f"rediss://localhost:{server.port}"
        spec = RedisSpec.model_validate({"mode": "external", "url": url, "ca_file": server.ca_file})
        found = SshRedis(Here()).read(FLEET, "a", spec, "old-00000001")
        assert (found.error, found.role) == ("", "master")
        stranger = spec.model_copy(update={"ca_file": None})
        shown = SshRedis(Here()).read(FLEET, "a", stranger, "old-00000001").error
        assert "certificate verify failed" in shown
