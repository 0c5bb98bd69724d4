"""Ray's own client against a head that goes away at the wrong moment."""

from __future__ import annotations

import socket
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError

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


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionError("Failed to connect at http://127.0.0.1:39401"), "no Ray dashboard"),
        (RuntimeError("Request failed with status code 401: who are you?"), "refused the token"),
        (HTTPError("http://127.0.0.1:1", 403, "Forbidden", Message(), None), "refused the token"),
        (RuntimeError("Request failed with status code 404: gone."), "no such job"),
        (RuntimeError("Request failed with status code 503: 404 of 404"), "status code 503"),
    ],
)
def test_a_status_is_no_part_of_a_port(error: Exception, told: str) -> None:
    assert told in str(ray_jobs._explain(error, "http://127.0.0.1:39401"))
