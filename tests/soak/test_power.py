"""A host sleeps while nothing runs there, and is woken by its head when a worker is wanted."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.conftest import E2E_JOBS, Project, lab_of
from tests.e2e.elastic import until

NAME = "drowsy"
SPEC = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
redis: {{maxmemory_mb: 64, hosts: {{names: [lab1]}}}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 1, min_workers: 0, max_workers: 2,
     hosts: {{names: [lab2, lab3]}}}}
idle_timeout_s: 3
"""
POWER = """\
    power:
      wake: [curl, -fsS, -X, POST, "{url}/{{host}}/on"]
      sleep: [curl, -fsS, -X, POST, "{url}/{{host}}/off"]
      timeout_s: 120
      idle_s: 15
"""


class Controller:
    """The management controller of the lab's hosts: HTTP on the lab's own bridge."""

    def __init__(self, project: Project, address: str) -> None:
        self.broken = False
        self.done: list[str] = []
        verbs = {"on": "start", "off": "kill"}
        controller = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                _, host, verb = self.path.split("/")
                self.send_response(500 if controller.broken else 204)
                self.end_headers()
                if not controller.broken:
                    controller.done.append(f"{host} {verb}")
                    project.ok("lab", verbs[verb], host)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its base's name
                pass

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Controller]]:
    """Three hosts; the last has a power driver."""
    with (
        lab_of(tmp_path_factory.mktemp("power"), "--hosts", "3") as project,
        closing(Controller(project, project.addresses["lab1"].rpartition(".")[0] + ".1")) as power,
    ):
        fleet = project.directory / "fleet.yml"
        text = fleet.read_text().replace("limits: {", "limits: {min_workers: 0, ")
        text = text.replace("user: root,", "user: root, connect_timeout_s: 2,")
        lines = POWER.format(url=power.url)
        text = re.sub(r"(  - name: lab3\n)", lambda found: found.group(1) + lines, text)
        fleet.write_text(text)
        project.write_group(NAME, SPEC)
        project.ok("apply", NAME)
        yield project, power


def asleep(project: Project) -> bool:
    """Whether the lab's third host is off, and its head knows."""
    state = {h["name"]: h["pid"] for h in project.json("lab", "status")["hosts"]}["lab3"]
    told = project.json("status", NAME)["scaling"]["asleep"]
    return state is None and told == [{"host": "lab3"}]


def timed(what: Callable[[], bool], within_s: float) -> float:
    began = time.monotonic()
    until(what, within_s)
    return time.monotonic() - began


def two_workers(*options: str) -> tuple[str, ...]:
    words = ("python", "demand.py", "2", "15", '{"num_cpus": 1}')
    return ("job", "submit", NAME, *options, "--working-dir", str(E2E_JOBS), "--", *words)


def test_a_host_without_work_sleeps_and_is_no_problem(site: tuple[Project, Controller]) -> None:
    project, controller = site
    took = timed(lambda: asleep(project), 60)
    assert controller.done == ["lab3 off"], "a host with a head or without a driver stays up"
    status = project.json("status", NAME)
    assert (status["ready"], status["problems"]) == (True, [])
    plan = project.adbray("plan", NAME)
    assert plan.code == 1
    assert "adbray wake lab3" in plan.err
    sys.stderr.write(f"asleep after {took:.0f} s\n")


def test_it_is_woken_when_no_other_host_has_room(site: tuple[Project, Controller]) -> None:
    project, controller = site
    until(lambda: asleep(project), 60)
    controller.done.clear()
    out = project.ok(*two_workers())
    (told,) = re.findall(r"^ran (.*)$", out, re.MULTILINE)
    ran = dict(json.loads(told))
    assert set(ran) == {"w-0", "w-1"}
    assert controller.done[0] == "lab3 on"
    sys.stderr.write(f"waits: {sorted(ran.values())}, the longer one for a host that slept\n")
    until(lambda: asleep(project), 90)
    assert controller.done == ["lab3 on", "lab3 off"]
    kinds = [e["kind"] for e in project.json("events", NAME) if e["host"] == "lab3"]
    assert {"sleep", "wake", "start", "join", "stop"} <= set(kinds)


def test_an_operator_can_wake_it(site: tuple[Project, Controller]) -> None:
    project, _ = site
    until(lambda: asleep(project), 90)
    woken = project.adbray("wake")
    assert woken.code == 0, woken.err
    assert "lab3 answers" in woken.err
    assert project.adbray("plan", NAME, "--exit-code").code == 0
    refused = project.adbray("wake", "lab2")
    assert refused.code == 2
    assert "no power driver" in refused.err


def test_a_broken_driver_is_told_and_tried_again(site: tuple[Project, Controller]) -> None:
    project, controller = site
    until(lambda: asleep(project), 90)
    controller.broken = True
    project.ok(*two_workers("--no-wait"))

    def told() -> bool:
        aside = project.json("status", NAME)["scaling"]["set_aside"]
        return any("power driver curl ended with 22" in one["reason"] for one in aside)

    until(told, 60)
    controller.broken = False
    controller.done.clear()
    # The demand may be served by then by the other worker, one task after the other.
    project.ok(*two_workers())
    until(lambda: "lab3 on" in controller.done, 200)
