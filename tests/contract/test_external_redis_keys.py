"""What the delete role does to a Redis that stays: the group's keys go, no other does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adbray_host.redis_client import Redis, Server
from tests import host_command
from tests.contract.redis_server import fill, keys_of, running

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "plugins" / "modules" / "external_redis_keys.py"
PREFIX = "RAYdemo-0123abcd@"
MINE = [f"{PREFIX}{table}" for table in ("ACTOR", "JOB", "KV", "NODE")]
OTHERS = ["DUMMY", "RAYdemo-0123abc@KV", "RAYdemo-0123abcde@KV", "RAYxdemo-0123abcd@KV", "theirs"]
PASSWORD = "only-in-a-file"


class Site:
    """A Redis with the keys of a group and of others, and the head's files on its host."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.write(server.text)
        fill(server, *MINE, *OTHERS)

    def write(self, address: str, username: str = "ray", password: str = "") -> None:
        redis = {"url": f"redis://{address}", "username": username}
        record = {"group": "demo", "namespace": PREFIX[3:-1], "external_redis": redis}
        (self.folder / "head.json").write_text(json.dumps(record))
        (self.folder / "keeper.json").write_text(json.dumps({"store": {"ca_file": ""}}))
        (self.folder / "redis_password").write_text(f"{password}\n")

    def run(self, **options: Any) -> dict[str, Any]:
        """The module's answer."""
        given = {
            "record": str(self.folder / "head.json"),
            "keeper": str(self.folder / "keeper.json"),
            "password_file": str(self.folder / "redis_password"),
            "program": host_command.zipapp(),
            **options,
        }
        done = subprocess.run(
            [sys.executable, str(MODULE)],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert PASSWORD not in done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def ask(self, *words: str | int) -> None:
        with closing(Redis(self.server, 5)) as redis:
            redis.ask(*words)


@pytest.fixture(params=["real", "fake"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with running(request.param, tmp_path) as server:
        yield Site(server, tmp_path)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Site]:
    """With users: fakeredis knows none."""
    with running("real", tmp_path) as server:
        found = Site(server, tmp_path)
        found.write(server.text, "group", PASSWORD)
        yield found


def test_the_group_s_keys_go_and_no_other(site: Site) -> None:
    many = [f"{PREFIX}{number}" for number in range(2500)]
    fill(site.server, *many)
    found = site.run()
    assert (found.get("failed"), found["changed"]) == (None, True), found
    assert found["removed"] == len(MINE) + len(many)
    assert keys_of(site.server) == OTHERS
    again = site.run()
    assert (again["changed"], again["removed"]) == (False, 0)


def test_a_dead_leader_is_waited_for(site: Site) -> None:
    site.ask("SET", f"{PREFIX}ADBRAY_LEADER", "lab1", "PX", 700)
    assert site.run()["changed"]
    assert keys_of(site.server) == OTHERS


def test_nothing_goes_while_a_head_leads(site: Site) -> None:
    leader = f"{PREFIX}ADBRAY_LEADER"
    site.ask("SET", leader, "lab1")
    found = site.run(leader_s=0.2)
    assert found["failed"]
    assert "a head still leads the group" in found["msg"]
    assert "host lab1" in found["msg"]
    assert "run destroy again" in found["msg"]
    assert set(keys_of(site.server)) == {*MINE, *OTHERS, leader}
    site.ask("DEL", leader)
    assert site.run()["removed"] == len(MINE)


def test_a_head_that_still_writes_is_noticed(site: Site) -> None:
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.05):
            fill(site.server, MINE[0])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = site.run()
    finally:
        over.set()
        writer.join()
    assert found["failed"]
    assert f"1 keys of the group are in Redis at redis://{site.server.text} again" in found["msg"]
    assert site.run()["removed"] == 1
    assert keys_of(site.server) == OTHERS


def test_a_user_who_may_not_delete_is_told_and_a_rerun_completes(guarded: Site) -> None:
    rules = ("~RAYdemo-*", "-@all", "+auth", "+scan", "+get")
    guarded.ask("ACL", "SETUSER", "group", "on", f">{PASSWORD}", *rules)
    found = guarded.run()
    assert found["failed"]
    assert "refuses to remove the group's keys" in found["msg"]
    assert "allow user group scan, get and del" in found["msg"]
    assert set(keys_of(guarded.server)) == {*MINE, *OTHERS}
    guarded.ask("ACL", "SETUSER", "group", "+del")
    assert guarded.run()["removed"] == len(MINE), "and KEYS was never asked for"
    assert keys_of(guarded.server) == OTHERS


def test_a_silent_redis_and_a_wrong_password(guarded: Site) -> None:
    assert "refuses" in guarded.run()["msg"]
    guarded.write("127.0.0.1:1")
    found = guarded.run()
    assert found["failed"]
    assert "bring it back, then run destroy again" in found["msg"]
    assert str(guarded.folder / "head.json") in found["msg"]


def test_without_an_external_redis_there_is_nothing_to_do(site: Site) -> None:
    (site.folder / "head.json").write_text(json.dumps({"group": "demo", "external_redis": None}))
    assert site.run()["changed"] is False
    (site.folder / "head.json").unlink()
    assert site.run()["changed"] is False
    assert set(keys_of(site.server)) == {*MINE, *OTHERS}
