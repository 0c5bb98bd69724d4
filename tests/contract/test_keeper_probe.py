"""The keeper's probe of Ray's health endpoints, over real HTTP."""

from __future__ import annotations

import socket

import pytest

from adbray_host.keeper.health import Line, http_probe
from tests.contract.health_server import serving


@pytest.mark.parametrize(
    ("status", "wrong"), [(200, ""), (401, ""), (503, "HTTP 503 Service Unavailable")]
)
def test_a_probe_over_http(status: int, wrong: str) -> None:
    with serving(status) as port:
        assert http_probe("127.0.0.1", port, "/api/gcs_healthz", 5)() == wrong


def test_a_probe_of_a_closed_port() -> None:
    with serving(200) as port:
        pass
    assert "refused" in http_probe("127.0.0.1", port, "/", 5)()


def test_a_line_breaks_when_the_process_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = Line("GCS", *server.getsockname())
        assert line.fileno() == -1
        assert line.verdict() == ""
        link, _ = server.accept()
        with link:
            assert line.fileno() > 0
            link.sendall(b"whatever it says")
            assert line.verdict() == ""
        # One that only hung up still listens.
        assert line.verdict() == ""
        again, _ = server.accept()
        again.close()
    assert "GCS has ended" in line.verdict()
    assert "GCS has ended" in line.verdict()
