"""Ray's own client against a head that goes away at the wrong moment."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from adbray_ctl.adapters import ray_jobs
from adbray_ctl.core.errors import ClusterError


def test_a_head_that_never_answers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_jobs, "_WITHIN_S", 0.2)
    token = tmp_path / "token"
    token.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        api = ray_jobs.RayJobs(address=address, token_file=str(token))
        with pytest.raises(ClusterError, match="no Ray dashboard answers"):
            api.status("raysubmit_1")
