"""The collection alone: installed into an empty path, on the lab's own inventory, no adbray."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import REPOSITORY, Project, lab_of, run

NODES = "/api/v0/nodes?filter_keys=state&filter_predicates=%3D&filter_values=ALIVE"


@dataclass(frozen=True)
class Site:
    """A lab, and a home whose only collection is the artifact."""

    project: Project
    home: Path

    def tool(self, name: str, *arguments: str) -> str:
        tools = Path(sys.executable).parent
        environment = {key: value for key, value in os.environ.items() if "ANSIBLE" not in key}
        environment |= {"PATH": f"{tools}:{environment['PATH']}", "ANSIBLE_HOME": str(self.home)}
        # The checkout is on Python's path, where Ansible looks for collections too.
        environment |= {"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"}
        environment |= {"ADBRAY_PROJECT": str(self.project.directory)}
        command = [str(tools / name), *arguments]
        done = run(command, timeout_s=600, cwd=self.home, env=environment)
        assert done.code == 0, done.out + done.err
        return done.out

    def play(self, name: str) -> list[tuple[str, str]]:
        """The tasks that changed something, each with a host."""
        inventory = str(REPOSITORY / "inventories" / "lab")
        out = self.tool("ansible-playbook", f"adbray.ray.{name}", "-i", inventory)
        tasks = re.findall(r"^TASK \[(.+)\] \*+\n((?:.+\n)*)", out, re.MULTILINE)
        return [
            (task, host)
            for task, lines in tasks
            for host in re.findall(r"^changed: \[(\w+)\]", lines, re.MULTILINE)
        ]

    def nodes(self) -> list[dict[str, Any]]:
        token = (self.project.directory / ".adbray/secrets/demo/token").read_text().strip()
        url = f"http://{self.project.addresses['lab1']}:8265{NODES}"
        asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]["result"]
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    with lab_of(tmp_path_factory.mktemp("collection"), "--hosts", "3") as project:
        for host in project.addresses:
            project.on(host, "true")  # which pins its key
        site = Site(project, home)
        site.tool("python", str(REPOSITORY / "scripts" / "collection.py"), "tree")
        site.tool("ansible-galaxy", "collection", "build", "tree")
        (artifact,) = home.glob("adbray-ray-*.tar.gz")
        site.tool("ansible-galaxy", "collection", "install", str(artifact), "--offline")
        yield site


def test_the_collection_makes_a_group_once_and_removes_it(site: Site) -> None:
    site.play("secrets")
    assert len({host for _, host in site.play("site")}) == 3
    assert site.play("site") == []
    assert len(site.nodes()) == 3, "a head and two workers; the third is prepared"
    site.play("delete")
    for host in site.project.addresses:
        left = "ls -d /etc/adbray /var/lib/adbray /opt/adbray 2>/dev/null; true"
        assert site.project.on(host, left) == ""
