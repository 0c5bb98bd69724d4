"""A Redis of a test's own on loopback: the real one where it is installed, or fakeredis."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adbray_ctl.keeper.redis import Redis, Server, keys

_FAKE = """
import sys
from fakeredis import TcpFakeServer
TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="redis").serve_forever()
"""


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Server]:
    """An empty server of ``kind``, real or fake, that answers; skips where there is no real one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", _FAKE, str(port)]
    if kind == "real":
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed")
        settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        command = [program, *settings]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = Server("127.0.0.1", port)
        _await(server)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def keys_of(server: Server) -> list[str]:
    """All keys there are."""
    with closing(Redis(server, 5)) as redis:
        return keys(redis, "")


def fill(server: Server, *keys: str) -> None:
    """Hashes of one field, as Ray keeps its tables."""
    with closing(Redis(server, 5)) as redis:
        for key in keys:
            redis.ask("HSET", key, "field", "value")


def _await(server: Server) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with closing(Redis(server, 5)) as redis:
                redis.ask("PING")
        except OSError:
            assert time.monotonic() < deadline, "no Redis within 20 s"
            time.sleep(0.05)
        else:
            return
