"""The token goes to the group's own address and nowhere else: a real proxy, a real head's API."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adbray_ctl.adapters.ray.jobs import RayJobs
from adbray_ctl.core.errors import ClusterError
from adbray_ctl.core.proxies import excepting
from tests.host_command import output
from tests.proxy_server import Proxy, proxy

# Ray's client hands aiohttp an old form of "the default".
pytestmark = pytest.mark.filterwarnings("ignore:ssl=None is deprecated")

TOKEN = "token-of-the-group"
JOB = "raysubmit_1"
DETAILS = {"type": "SUBMISSION", "submission_id": JOB, "status": "SUCCEEDED", "entrypoint": "true"}
# Another address of this machine than the proxy's, so that nothing excepts it by name.
ADDRESS = "127.0.0.2"


class Dashboard:
    """What Ray's dashboard answers; it keeps the Authorization header of each request."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{ADDRESS}:{port}"
        self.heard: list[str] = []


@contextmanager
def dashboard(redirect: str = "") -> Iterator[Dashboard]:
    """A running one; with ``redirect`` all it answers is a redirect to that URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as http.server names it
            here.heard.append(self.headers.get("Authorization") or "")
            if "Upgrade" in self.headers and not redirect:
                self.tail()
                return
            version = {"version": "4", "ray_version": "2.60.0", "ray_commit": ""}
            answers = {"/api/version": version, "/api/jobs/": [DETAILS]}
            answers[f"/api/jobs/{JOB}"] = DETAILS
            answers[f"/api/jobs/{JOB}/logs"] = {"logs": "all of it"}
            answers[f"/api/jobs/{JOB}/stop"] = {"stopped": True}
            body = json.dumps(answers.get(self.path))
            self.send_response(302 if redirect else 200 if self.path in answers else 404)
            if redirect:
                self.send_header("Location", redirect + self.path)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815

        def tail(self) -> None:
            """A websocket with one text, then its end (RFC 6455)."""
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()  # noqa: S324
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", accept)
            self.end_headers()
            self.wfile.write(b"\x81\x05hello\x88\x02\x03\xe8")
            self.close_connection = True

        def log_message(self, format: str, *words: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer((ADDRESS, 0), Handler) as server:
        here = Dashboard(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield here
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy that every variable of this process names, and that nothing is excepted from."""
    for name in ("no_proxy", "NO_PROXY", "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    with proxy() as served:
        for name, value in served.variables().items():
            monkeypatch.setenv(name, value)
        yield served


def jobs(folder: Path, url: str) -> RayJobs:
    token = folder / "token"
    token.write_text(TOKEN)
    return RayJobs(address=url, token_file=str(token))


CALLS: dict[str, Callable[[RayJobs], object]] = {
    "check": lambda api: api.check(),
    "list": lambda api: api.list(),
    "status": lambda api: api.status(JOB),
    "logs": lambda api: api.logs(JOB),
    "stop": lambda api: api.stop(JOB),
    "follow": lambda api: list(api.follow(JOB)),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_proxy_sees_a_request(tmp_path: Path, company: Proxy, call: str) -> None:
    with dashboard() as head:
        assert CALLS[call](jobs(tmp_path, head.url))
    assert set(head.heard) == {f"Bearer {TOKEN}"}
    assert company.asked == []


def test_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {ADDRESS} login ops password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with dashboard() as head:
        jobs(tmp_path, head.url).list()
        jobs(tmp_path, head.url).check()
    assert set(head.heard) == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("name", ["RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"])
def test_another_groups_address_in_the_shell_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with dashboard() as head, dashboard() as other:
        monkeypatch.setenv(name, other.url)
        assert jobs(tmp_path, head.url).list()[0].id == JOB
        assert os.environ[name] == other.url
    assert other.heard == []
    assert head.heard


@pytest.mark.parametrize("call", CALLS)
def test_a_redirect_is_named_and_not_followed(tmp_path: Path, call: str) -> None:
    told = pytest.raises(ClusterError, match="redirects to")
    with dashboard() as other, dashboard(redirect=other.url) as head, told:
        CALLS[call](jobs(tmp_path, head.url))
    assert other.heard == []


def test_the_probe_asks_its_own_head_past_the_proxy(tmp_path: Path, company: Proxy) -> None:
    group = tmp_path / "g"
    group.mkdir()
    (group / "token").write_text(TOKEN)
    with dashboard() as head:
        port = int(head.url.rpartition(":")[2])
        slot = {"group": "g", "slot": "head", "kind": "head", "address": ADDRESS}
        (group / "head.json").write_text(json.dumps({**slot, "ports": {"dashboard": port}}))
        output({"layout.ETC": tmp_path}, "observe")
    assert set(head.heard) == {f"Bearer {TOKEN}"}
    assert company.asked == []


PLAIN = {
    "requests": "import requests, sys; requests.get(sys.argv[1])",
    "urllib": "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])",
    "aiohttp": """
import aiohttp, asyncio, sys
async def ask():
    async with aiohttp.ClientSession(trust_env=True) as session:
        await session.get(sys.argv[1])
asyncio.run(ask())
""",
}


@pytest.mark.parametrize("client", PLAIN)
@pytest.mark.parametrize("own", ["", "corp.example,10.0.0.0/8", ".corp.example", "*"])
def test_plain_clients_keep_away_from_the_proxy_with_what_env_prints(
    company: Proxy, client: str, own: str
) -> None:
    """``own`` is the no_proxy that the user had before."""
    environment = dict(os.environ) | excepting({"no_proxy": own}, [ADDRESS])
    with dashboard() as head:
        command = [sys.executable, "-c", PLAIN[client], f"{head.url}/api/version"]
        result = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert company.asked == []
    assert head.heard


@pytest.mark.parametrize("client", PLAIN)
def test_plain_clients_take_the_proxy_without_it(company: Proxy, client: str) -> None:
    """What the exceptions are for; and that this proxy sees what comes to it."""
    with dashboard() as head:
        command = [sys.executable, "-c", PLAIN[client], f"{head.url}/api/version"]
        subprocess.run(command, capture_output=True, check=False)
    assert [one.host for one in company.asked] == [ADDRESS]
    assert head.heard == []
