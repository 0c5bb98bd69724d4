"""Ray's own client against a head that goes away at the wrong moment, or refuses."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adbray_ctl.adapters import ray_jobs
from adbray_ctl.core.errors import ClusterError

# Each holds a number that is a status elsewhere.
PORTS = [port for port in range(10000, 32768) if "401" in str(port) or "404" in str(port)]
VERSION = {"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""}


def client(folder: Path, port: int) -> ray_jobs.RayJobs:
    token = folder / "token"
    token.write_text("secret")
    return ray_jobs.RayJobs(address=f"http://127.0.0.1:{port}", token_file=str(token))


def silent() -> socket.socket:
    """A server that answers nothing, at the first of PORTS that is free."""
    for port in PORTS:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
    raise AssertionError("none of PORTS is free")


@contextmanager
def answering(status: int, text: str) -> Iterator[int]:
    """The port of a dashboard that tells its version, and answers all else with ``status``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as http.server names it
            version = self.path == "/api/version"
            body = json.dumps(VERSION) if version else text
            self.send_response(200 if version else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *words: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_head_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_jobs, "_WITHIN_S", 0.2)
    with silent() as server:
        api = client(tmp_path, server.getsockname()[1])
        with pytest.raises(ClusterError, match="no Ray dashboard answers"):
            api.status("raysubmit_1")


@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (401, "who are you?", "the cluster refused the token"),
        (403, "you may not", "the cluster refused the token"),
        (404, "it is gone", "there is no such job"),
        (503, "404 of 401", "status code 503"),
    ],
)
def test_a_refusal_is_told_by_its_status(tmp_path: Path, status: int, text: str, told: str) -> None:
    with answering(status, text) as port, pytest.raises(ClusterError, match=told):
        client(tmp_path, port).status("raysubmit_1")
