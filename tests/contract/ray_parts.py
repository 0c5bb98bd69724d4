"""Ray's GCS and dashboard as processes of a test, without the rest of a head."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adbray_ctl.in_ray.uploads.room import MIB
from adbray_host.redis_client import Server
from tests.contract.redis_server import free_port

REPOSITORY = Path(__file__).parents[2]
UNIT = REPOSITORY / "roles/ray_head/templates/head.service.j2"
_PROGRAM = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from adbray_host.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def settings_of_the_unit() -> dict[str, str]:
    """How the head's unit has the GCS wait for Redis."""
    lines = [line.removeprefix("Environment=") for line in UNIT.read_text().splitlines()]
    pairs = (line.partition("=") for line in lines if "redis_re" in line)
    return {name: value for name, _, value in pairs}


@dataclass
class Gcs:
    """A gcs_server of Ray's, and its client."""

    process: subprocess.Popen[bytes]
    client: Any
    address: str

    def put(self, mib: float, within_s: float) -> bool:
        """Whether a value was written in time."""
        from ray.exceptions import RpcError

        key = f"value{time.monotonic_ns()}".encode()
        try:
            self.client.internal_kv_put(
                key, os.urandom(int(mib * MIB)), True, None, timeout=within_s
            )
        except RpcError:
            return False
        return True


@contextmanager
def gcs(server: Server, folder: Path, environment: dict[str, str]) -> Iterator[Gcs]:
    from ray._private.services import GCS_SERVER_EXECUTABLE
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # of Ray's compiled part

    port = free_port()
    told = {
        "log_dir": folder,
        "config_list": base64.b64encode(b"{}").decode(),
        "gcs_server_port": port,
        "metrics-agent-port": 0,
        "node-ip-address": "127.0.0.1",
        "session-name": "test",
        "session-dir": folder,
        "node-id": "ab" * 28,
        "stdout_filepath": folder / "out",
        "stderr_filepath": folder / "err",
        "redis_address": server.host,
        "redis_port": server.port,
        "redis_enable_ssl": "false",
    }
    words = [f"--{name}={value}" for name, value in told.items()]
    with subprocess.Popen([GCS_SERVER_EXECUTABLE, *words], env=os.environ | environment) as process:
        try:
            address = f"127.0.0.1:{port}"
            yield Gcs(process, GcsClient(address=address), address)
        finally:
            process.kill()


@contextmanager
def dashboard(
    one: Gcs, server: Server, folder: Path, kept_s: int
) -> Iterator[tuple[int, dict[str, str]]]:
    """The port of one whose uploads are judged, and the environment of processes beside it."""
    import ray

    site = folder / "site"
    for name in (site, folder / "logs", folder / "sockets"):
        name.mkdir()
    # In place of the .pth file, and of the program, that hosts have.
    program = [sys.executable, "-c", _PROGRAM]
    (site / "sitecustomize.py").write_text(
        "import adbray_ctl.in_ray.hook\n"
        "from adbray_ctl.in_ray.uploads import asking\n"
        f"asking.PROGRAM = {program!r}\n"
    )
    keeper: dict[str, Any] = dict.fromkeys(("me", "user", "address", "host_address"), "x")
    keeper |= dict.fromkeys(("dashboard_port", "agent_port", "gcs_port", "raylet_port"), 1)
    store = {"address": f"{server.host}:{server.port}", "key": "leader"}
    config = folder / "keeper.json"
    config.write_text(json.dumps(keeper | {"state_file": "x", "hang_s": 1, "store": store}))
    environment = os.environ | {
        "PYTHONPATH": f"{site}:{REPOSITORY}",
        "ADBRAY_STORE_CONFIG": str(config),
        "RAY_RUNTIME_ENV_TEMPORARY_REFERENCE_EXPIRATION_S": str(kept_s),
    }
    told = {
        "host": "127.0.0.1",
        "port": (port := free_port()),
        "port-retries": 0,
        "temp-dir": folder,
        "log-dir": folder / "logs",
        "session-dir": folder,
        "logging-rotate-bytes": 0,
        "logging-rotate-backup-count": 0,
        "gcs-address": one.address,
        "cluster-id-hex": one.client.cluster_id.hex(),
        "node-ip-address": "127.0.0.1",
        "modules-to-load": "JobHead",
        "stdout-filepath": folder / "dashboard.out",
        "stderr-filepath": folder / "dashboard.err",
    }
    script = Path(ray.__path__[0]) / "dashboard" / "dashboard.py"
    words = [sys.executable, str(script), *(f"--{name}={value}" for name, value in told.items())]
    with subprocess.Popen(words, env=environment) as process:
        try:
            _await(port, folder)
            yield port, environment
        finally:
            process.terminate()


@contextmanager
def client_server(one: Gcs, environment: dict[str, str]) -> Iterator[int]:
    """The port of the proxy that `ray.init("ray://...")` asks."""
    port = free_port()
    words = ["--mode=proxy", "--host=127.0.0.1", f"--port={port}", f"--address={one.address}"]
    command = [sys.executable, "-m", "ray.util.client.server", *words]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield port
        finally:
            process.terminate()


def _await(port: int, folder: Path) -> None:
    deadline = time.monotonic() + 240
    while True:
        try:
            status, _ = _ask(port, "GET", "/api/version")
        except OSError:
            status = 0
        if status == 200:
            return
        assert time.monotonic() < deadline, (folder / "dashboard.err").read_text()[-3000:]
        time.sleep(0.5)


def put(port: int, size: int) -> tuple[int, str]:
    """Upload a package as Ray's client does; the answer's status and text."""
    name = f"_ray_pkg_{os.urandom(8).hex()}.zip"
    return _ask(port, "PUT", f"/api/packages/gcs/{name}", os.urandom(size))


def _ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as link:
        link.request(method, path, body)
        answer = link.getresponse()
        return answer.status, answer.read().decode()
