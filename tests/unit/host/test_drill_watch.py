"""A drill's driver is to see what jobs of the group see."""

from __future__ import annotations

import os
import subprocess

import pytest

from adbray_host import systemd
from adbray_host.drill import watch


def test_the_driver_has_what_a_job_has_of_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = {"PATH": "/bin", "RAY_AUTH_MODE": "token", "RAY_CLOUD_INSTANCE_ID": "w-0.1", "LANG": "C"}
    given: dict[bytes, bytes] = {}

    def execve(_program: str, _words: list[str], environment: dict[bytes, bytes]) -> None:
        given.update(environment)

    pipe = subprocess.PIPE
    with subprocess.Popen(["cat"], env=unit, stdin=pipe, stdout=pipe, bufsize=0) as worker:
        try:
            # Until it answers, its environment may not be there yet.
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(b".")
            worker.stdout.read(1)
            shown = {"w.service": {"MainPID": str(worker.pid)}}
            monkeypatch.setattr(systemd, "show", lambda *_: shown)
            monkeypatch.setattr(os, "execve", execve)
            watch.main(["w.service", "/venv"])
        finally:
            worker.kill()
    assert given == {
        b"PATH": b"/bin",
        b"RAY_AUTH_MODE": b"token",
        # How soon a job sees that GCS is back (adbray_host/start/ray.py).
        b"RAY_gcs_grpc_max_reconnect_backoff_ms": b"500",
        b"RAY_grpc_client_check_connection_status_interval_milliseconds": b"200",
    }
