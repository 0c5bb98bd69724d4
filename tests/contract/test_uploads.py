"""Uploads judged inside Ray: its real functions and GCS, on a real Redis that is nearly full."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adbray_ctl.in_ray.uploads.door import JOBS, PACKAGES, ROOM, Door
from adbray_ctl.in_ray.uploads.room import MIB
from adbray_host.redis_client import Redis, RedisError, Server
from tests.contract.ray_parts import gcs, settings_of_the_unit
from tests.contract.redis_server import free_port, running_acl

MAXMEMORY = 128 * MIB


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    settings = ("--maxmemory", str(MAXMEMORY), "--maxmemory-policy", "noeviction")
    with running_acl(tmp_path, ("", ""), *settings) as server:
        yield server


def ask(server: Server, *words: str | int) -> Any:
    with closing(Redis(server, 30)) as link:
        return link.ask(*words)


def fill(server: Server, mib: int) -> None:
    for number in range(mib):
        ask(server, "SETRANGE", f"filler{number}", MIB - 200, "x")


def request(method: str, path: str, size: int | None) -> Any:
    return SimpleNamespace(method=method, path=path, content_length=size)


def through(door: Door, *requests: Any) -> list[tuple[int, str]]:
    """What each is answered; the dashboard behind the door says 201 once all were judged."""
    judged: set[int] = set()
    all_judged = asyncio.Event()

    def note(one: Any) -> None:
        judged.add(id(one))
        if len(judged) == len(requests):
            all_judged.set()

    async def proxy(_handle: Any, one: Any) -> Any:
        note(one)
        await all_judged.wait()
        return SimpleNamespace(status=201, text="taken")

    async def pass_on(one: Any) -> Any:
        answer = await door.pass_on(proxy, None, one)
        note(one)
        return answer

    async def all_at_once() -> list[Any]:
        door._repinned = True  # there is no GCS
        async with asyncio.timeout(60):
            return await asyncio.gather(*(pass_on(one) for one in requests))

    return [(answer.status, str(answer.text)) for answer in asyncio.run(all_at_once())]


def door_of(server: Server) -> Door:
    def memory() -> str:
        try:
            return str(ask(server, "INFO", "memory"))
        except RedisError as error:
            raise OSError(str(error)) from error

    return Door(memory)


def upload(mib: float) -> Any:
    return request("PUT", PACKAGES + "gcs/_ray_pkg_1.zip", int(mib * MIB))


def test_the_door_refuses_what_does_not_fit_and_takes_what_does(redis: Server) -> None:
    fill(redis, 60)
    answers = through(door_of(redis), upload(15), upload(30), upload(0.1))
    assert [status for status, _ in answers] == [201, 507, 201]
    assert "60.1 MiB of 104.0 MiB are taken" in answers[1][1]
    assert "try again" in answers[1][1]


def test_uploads_at_once_do_not_fit_twice(redis: Server) -> None:
    fill(redis, 50)
    answers = through(door_of(redis), *(upload(12) for _ in range(2)))
    assert sorted(status for status, _ in answers) == [201, 507]


def test_the_door_says_what_it_takes_and_lets_all_else_pass(redis: Server) -> None:
    fill(redis, 100)
    door = door_of(redis)
    asked, listed, large, small, *without_a_size = through(
        door,
        request("GET", ROOM, None),
        request("GET", JOBS, None),
        request("POST", JOBS, 3 * MIB),
        request("POST", JOBS, 3000),
        request("PUT", PACKAGES + "gcs/x.zip", None),
        request("POST", JOBS, None),
    )
    assert asked[0] == 200
    assert f'"limit": {MAXMEMORY}' in asked[1]
    assert (listed[0], large[0], small[0]) == (201, 413, 201)
    assert f"{3 * MIB} bytes long; the limit is {MIB}" in large[1]
    assert [status for status, _ in without_a_size] == [411, 411]


def test_a_silent_redis_stops_no_upload() -> None:
    nobody = Server("127.0.0.1", free_port())
    assert through(door_of(nobody), upload(50))[0][0] == 201


def test_the_gcs_ends_with_its_redis_so_that_the_head_starts_again(
    redis: Server, tmp_path: Path
) -> None:
    # With more attempts than Ray's own it hangs on a connection that is gone.
    with gcs(redis, tmp_path, settings_of_the_unit()) as one:
        assert one.put(0.01, within_s=60)
        with suppress(OSError, RedisError):
            ask(redis, "SHUTDOWN", "NOSAVE")
        assert not one.put(0.01, within_s=15)
        assert one.process.wait(120) != 0


class _Dashboard(BaseHTTPRequestHandler):
    """Refuses what is larger than 1 MiB."""

    taken: list[tuple[str, int]]

    def do_PUT(self) -> None:  # as http.server names it
        size = int(self.headers["Content-Length"])
        self.rfile.read(size)
        text = b"no room: try again" if size > MIB else b""
        self.send_response(507 if text else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.taken.append((self.path, size))

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002
        pass


# In a process apart, as the hook changes Ray for good. Only Ray's client of the GCS is a stand-in.
_WRITER = """
import sys
import adbray_ctl.in_ray.hook
from ray.experimental import internal_kv
from ray._private.runtime_env import packaging

class Gcs:
    pinned, put = [], []
    def internal_kv_get(self, key, namespace=None, timeout=None):
        return sys.argv[1].encode() if key == b"dashboard" else None
    def internal_kv_put(self, key, value, overwrite, namespace):
        self.put.append(key)
        return 1
    def pin_runtime_env_uri(self, uri, expiration_s):
        self.pinned.append(expiration_s)

gcs = internal_kv.global_gcs_client = Gcs()
packaging.upload_package_to_gcs("gcs://_ray_pkg_ab.zip", b"x" * 1000)
for value in (b"y", b"z" * 17 * 2**20):
    try:
        internal_kv._internal_kv_put(b"mine", value)
    except ValueError as error:
        print(error)
packaging.pin_runtime_env_uri("gcs://_ray_pkg_ab.zip")
print(gcs.put, gcs.pinned)
packaging.upload_package_to_gcs("gcs://_ray_pkg_cd.zip", b"x" * 2 * 2**20)
"""


def test_packages_of_drivers_go_through_the_dashboard() -> None:
    _Dashboard.taken = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Dashboard) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            words = [sys.executable, "-c", _WRITER, f"127.0.0.1:{server.server_port}"]
            pins = {"RAY_RUNTIME_ENV_TEMPORARY_REFERENCE_EXPIRATION_S": "60"}
            environment = os.environ | pins | {"http_proxy": "http://127.0.0.1:9"}
            result = subprocess.run(
                words, capture_output=True, text=True, env=environment, check=False, timeout=120
            )
        finally:
            server.shutdown()
            thread.join()
    assert _Dashboard.taken == [
        ("/api/packages/gcs/_ray_pkg_ab.zip", 1000),
        ("/api/packages/gcs/_ray_pkg_cd.zip", 2 * MIB),
    ], result.stderr
    assert "the value of 'mine' has 17825792 bytes" in result.stdout
    assert "[b'mine'] [60]" in result.stdout
    assert "no room: try again" in result.stderr


def test_the_dashboard_s_proxy_is_changed_where_there_is_a_redis(tmp_path: Path) -> None:
    store = {"address": "127.0.0.1:1", "key": "k"}
    text = (
        "import adbray_ctl.in_ray.hook, ray.dashboard.subprocesses.handle as h\n"
        "print(h.SubprocessModuleHandle.proxy_http.__module__)"
    )
    keeper = dict.fromkeys(("me", "user", "address", "host_address", "state_file"), "x")
    ports = dict.fromkeys(("dashboard_port", "agent_port", "gcs_port", "raylet_port"), 1)
    for given, module in ((store, "adbray_ctl.in_ray.uploads.changes"), (None, "ray.dashboard")):
        config = tmp_path / "keeper.json"
        config.write_text(json.dumps(keeper | ports | {"hang_s": 1, "store": given}))
        result = subprocess.run(
            [sys.executable, "-c", text],
            capture_output=True,
            text=True,
            env=os.environ | {"ADBRAY_STORE_CONFIG": str(config)},
            check=True,
            timeout=120,
        )
        assert result.stdout.startswith(module), result.stderr
