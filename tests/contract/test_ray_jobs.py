"""Ray's own client against a head that goes away at the wrong moment, or refuses."""

from __future__ import annotations

import json
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from adbray_ctl.adapters.ray import client as ray_client
from adbray_ctl.adapters.ray import jobs as ray_jobs
from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.jobs.request import JobRequest, Needs

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
def answering(status: int, text: str, *, jobs: str = "", version: bool = True) -> Iterator[int]:
    """The port of a dashboard that shows its version, and answers all else with ``status``.

    It lists ``jobs``, if there are any.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as http.server names it
            known = {"/api/version": json.dumps(VERSION) if version else "", "/api/jobs/": jobs}
            body = known.get(self.path) or text
            self.send_response(200 if known.get(self.path) else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815 - as http.server names it

        def log_message(self, format: str, *words: object) -> None:  # noqa: A002
            pass

    with serving(Handler) as port:
        yield port


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server that hands its requests to ``handler``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
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
    monkeypatch.setattr(ray_client, "_WITHIN_S", 0.2)
    with silent() as server:
        api = client(tmp_path, server.getsockname()[1])
        with pytest.raises(ClusterError, match="no Ray dashboard answers"):
            api.status("raysubmit_1")


PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


@pytest.mark.parametrize(
    ("status", "text", "told"),
    [
        (401, "Unauthorized: Missing authentication token", "the cluster got no token"),
        (403, "Forbidden: Invalid authentication token", "the cluster refused the token"),
        (403, PAGE.format("Blocked by policy"), "like a Ray dashboard .* 403: Blocked by policy"),
        (401, "who are you?", "like a Ray dashboard .* 401: who are you"),
        (407, PAGE.format("Proxy login"), "like a Ray dashboard .* 407: Proxy login"),
        (502, PAGE.format("502 Bad Gateway"), "like a Ray dashboard .* 502: 502 Bad Gateway"),
        (404, PAGE.format("Not here"), "like a Ray dashboard .* 404: Not here"),
        (500, " .\n", "it answered with status code 500, and says no more"),
        (500, "Traceback (most recent call last):\n  x\nKeyError: 'agent'\n", "KeyError: 'agent'"),
        (503, "404 of 401", "^404 of 401$"),
        (200, PAGE.format("Log in to the network"), "like a Ray dashboard .* JSONDecodeError"),
        (200, "[]", "like a Ray dashboard .* TypeError"),
        (200, '{"strange": 1}', "like a Ray dashboard .* ValidationError"),
    ],
)
def test_what_answers_is_named(tmp_path: Path, status: int, text: str, told: str) -> None:
    with answering(status, text) as port, pytest.raises(ClusterError) as caught:
        client(tmp_path, port).status("raysubmit_1")
    assert re.search(told, caught.value.what), caught.value


@pytest.mark.filterwarnings("ignore:ssl=None")  # of Ray's call of aiohttp
@pytest.mark.parametrize("job", ["raysubmit_1", "a/b", "a b?#%"])
def test_a_job_that_is_not_there_is_a_wrong_word(tmp_path: Path, job: str) -> None:
    with answering(404, f"Job {job} does not exist", jobs="[]") as port:
        api = client(tmp_path, port)
        for ask in (api.status, api.logs, api.stop, lambda job: list(api.follow(job))):
            with pytest.raises(UsageError, match=r"there is no job .*; there are no jobs"):
                ask(job)


@pytest.mark.parametrize("job", ["", ".", ".."])
def test_no_job_is_asked_for_by_no_id(tmp_path: Path, job: str) -> None:
    with answering(500, "") as port, pytest.raises(UsageError, match="not the id of a job"):
        client(tmp_path, port).status(job)


def test_a_server_that_is_no_dashboard(tmp_path: Path) -> None:
    told = "like a Ray dashboard of this version"
    page = PAGE.format("Not here")
    with (
        answering(404, page, version=False) as port,
        pytest.raises(ClusterError, match=told),
    ):
        client(tmp_path, port).list()


def test_a_directory_that_cannot_be_packed_is_no_dashboard_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    (tmp_path / "work").mkdir()
    request = JobRequest(entrypoint="python main.py", working_dir=str(tmp_path / "work"))
    with (
        answering(404, "Package gcs://x does not exist") as port,
        pytest.raises(ClusterError, match="nothing was sent: No such file or directory"),
    ):
        client(tmp_path, port).submit(request)


@contextmanager
def accepting() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The port of a dashboard that takes every job, and what it was sent."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as http.server names it
            self._answer(VERSION)

        def do_POST(self) -> None:  # as http.server names it
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer({"job_id": "a", "submission_id": "a"})

        def _answer(self, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *words: object) -> None:  # noqa: A002
            pass

    with serving(Handler) as port:
        yield port, sent


def test_all_that_a_request_has_reaches_the_head(tmp_path: Path) -> None:
    needs = Needs(
        cpus=0.5, gpus=1, memory=2**30, resources={"disk": 2}, labels={"zone": "in(a, b)"}
    )
    request = JobRequest(
        entrypoint="true",
        env={"A": "1"},
        runtime_env={"pip": ["x"]},
        submission_id="a",
        needs=needs,
        metadata={"team": "b"},
    )
    with accepting() as (port, sent):
        assert client(tmp_path, port).submit(request) == "a"
    (found,) = sent
    environment = found.pop("runtime_env")
    assert environment["env_vars"] == {"A": "1"}
    assert environment["pip"]["packages"] == ["x"]
    assert found == {
        "entrypoint": "true",
        "submission_id": "a",
        "metadata": {"team": "b"},
        "entrypoint_num_cpus": 0.5,
        "entrypoint_num_gpus": 1,
        "entrypoint_memory": 2**30,
        "entrypoint_resources": {"disk": 2},
        "entrypoint_label_selector": {"zone": "in(a, b)"},
    }


@pytest.mark.parametrize(
    ("environment", "said", "hint"),
    [
        ({"pipp": ["x"]}, "a runtime environment has no 'pipp'", "did you mean 'pip'?"),
        ({"pip": 1}, "runtime_env", None),
        ({"pip": "no-such-file.txt"}, "no-such-file.txt", None),
        ({"pip": ["x"], "uv": ["x"]}, "cannot be specified at the same", None),
        ({"config": {"setup_timeout_seconds": "soon"}}, "setup_timeout_seconds", None),
    ],
)
def test_a_runtime_environment_is_refused_before_anything_is_sent(
    tmp_path: Path, environment: dict[str, JsonValue], said: str, hint: str | None
) -> None:
    request = JobRequest(entrypoint="true", runtime_env=environment)
    with accepting() as (port, sent), pytest.raises(UsageError) as caught:
        client(tmp_path, port).submit(request)
    assert sent == []
    assert said in caught.value.what
    assert hint in (None, caught.value.hint)
