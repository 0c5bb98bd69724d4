"""Serve's default ports inside Ray's own processes, by the real modules of Ray."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from adbray_ctl.in_ray.serve import GRPC_VARIABLE, HTTP_VARIABLE, REPLICA_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
MANAGED = "adbray.ray.managed_files"
UNITS = ("ray_head/templates/head.service.j2", "ray_worker/templates/worker.service.j2")
GROUP = {HTTP_VARIABLE: "19006", GRPC_VARIABLE: "19007"}

# In a process apart, as the hook changes Ray for good. The pickles are from a client, whose own
# process has no hook.
_DEFAULTS = """
import json, pickle, sys
import adbray_ctl.in_ray.hook
before = sorted(name for name in sys.modules if name.startswith(("ray", "adbray_ctl.in_ray.")))
from ray.serve.config import HTTPOptions, gRPCOptions
from ray.serve.schema import HTTPOptionsSchema, ServeDeploySchema, gRPCOptionsSchema
from ray.serve.schema import ServeInstanceDetails
from ray.serve.scripts import start
from ray.serve._private import controller

def deployed(**options):
    return ServeDeploySchema.model_validate({"applications": [], **options})

def dumped(**options):
    config = deployed(**options)
    return [config.http_options.model_dump()["port"], config.grpc_options.model_dump()["port"]]

def completed(name, options):
    return getattr(controller, name)(options).port

clients = [pickle.loads(bytes.fromhex(one)) for one in sys.argv[1:]]
command = {one.name: one.default for one in start.params}
details = ServeInstanceDetails.model_json_schema()["$defs"]["HTTPOptionsSchema"]
print(json.dumps({
    "before": before,
    "options": [HTTPOptions().port, gRPCOptions().port],
    "schema": [HTTPOptionsSchema().port, gRPCOptionsSchema().port],
    "serve deploy": dumped(),
    "serve deploy, other options": dumped(http_options={"host": "0.0.0.0"}),
    "serve deploy, ports named": dumped(http_options={"port": 8000}, grpc_options={"port": 9000}),
    "serve start": [command["http_port"], command["grpc_port"]],
    "details": details["properties"]["port"]["default"],
    "controller": [
        [completed("configure_http_options_with_defaults", http),
         completed("set_proxy_default_grpc_options", grpc)]
        for http, grpc in clients
    ],
    "controller, none": completed("set_proxy_default_grpc_options", None),
}))
"""
_CLIENT = """
import pickle
from ray.serve.config import HTTPOptions, gRPCOptions
for pair in (
    (HTTPOptions(), gRPCOptions()),
    (HTTPOptions(host="0.0.0.0"), gRPCOptions(request_timeout_s=5)),
    (HTTPOptions(port=8000), gRPCOptions(port=9000)),
):
    print(pickle.dumps(pair).hex())
"""
# Of two servers, and of a third, for which no port is left.
_REPLICAS = """
import adbray_ctl.in_ray.hook
import asyncio, json, grpc
from ray.serve._private import replica

async def main():
    servers = [grpc.aio.server() for _ in range(4)]
    found = [replica.add_port_to_grpc_server(one, "[::]:0") for one in servers[:2]]
    found.append(replica.add_port_to_grpc_server(servers[2], "[::]:0"))
    found.append(replica.add_port_to_grpc_server(servers[3], "127.0.0.1:20163"))
    print(json.dumps(found))

asyncio.run(main())
"""


def _python(text: str, *words: str, ports: dict[str, str] | None = None) -> str:
    result = subprocess.run(
        [sys.executable, "-c", text, *words],
        capture_output=True,
        text=True,
        env=os.environ | (ports or {}),
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "stays as it is" not in result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def clients() -> list[str]:
    """What Ray clients send of their options: nothing set, all but ports set, and Ray's ports."""
    return _python(_CLIENT).split()


def test_serve_begins_with_the_ports_of_its_group(clients: list[str]) -> None:
    found = json.loads(_python(_DEFAULTS, *clients, ports=GROUP))
    mine, rays = [19006, 19007], [8000, 9000]
    assert found == {
        "before": ["adbray_ctl.in_ray.hook"],
        "options": mine,
        "schema": mine,
        "serve deploy": mine,
        "serve deploy, other options": mine,
        "serve deploy, ports named": rays,
        "serve start": mine,
        "details": mine[0],
        "controller": [mine, mine, rays],
        "controller, none": mine[1],
    }


def test_without_ports_serve_is_as_it_comes(clients: list[str]) -> None:
    found = json.loads(_python(_DEFAULTS, *clients))
    rays = [8000, 9000]
    assert found.pop("before") == ["adbray_ctl.in_ray.hook"]
    assert found.pop("details") == rays[0]
    assert found.pop("controller") == [rays, rays, rays]
    assert found.pop("controller, none") == rays[1]
    assert set(map(tuple, found.values())) == {tuple(rays)}


@pytest.mark.parametrize("unit", UNITS)
def test_units_say_what_the_hook_reads(unit: str) -> None:
    text = (ROOT / "roles" / unit).read_text()
    for variable, port in ((HTTP_VARIABLE, "serve"), (GRPC_VARIABLE, "serve_grpc")):
        line = rf"^Environment={variable}={{{{ (ray_head_)?slot\.ports\.{port} }}}}$"
        assert re.search(line, text, re.MULTILINE), variable


def test_environments_get_every_module_of_the_hook() -> None:
    tasks = yaml.safe_load((ROOT / "roles/ray_runtime/tasks/main.yml").read_text())
    (entries,) = (one[MANAGED] for one in tasks if MANAGED in one)
    source = ROOT / "adbray_ctl/in_ray"
    folders = {path.parent.relative_to(source) for path in source.rglob("*.py")}
    brought = {
        Path(entry["each"].partition("in_ray_dir }}")[2].strip("/")).parent
        for entry in entries["files"]
        if "each" in entry
    }
    assert brought == folders
    made = {Path(name) for directory in entries["directories"] for name in directory["loop"]}
    assert made == {Path("adbray_ctl")} | {Path("adbray_ctl/in_ray") / one for one in folders}


def test_replicas_listen_at_ports_of_their_slot() -> None:
    ports = {REPLICA_VARIABLE: "20161-20162"}
    first, second, one_too_many, named = json.loads(_python(_REPLICAS, ports=ports))
    assert {first, second} == {20161, 20162}
    assert one_too_many >= 32768
    assert named == 20163, "one that is named stays"
