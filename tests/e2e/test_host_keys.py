"""A real sshd whose key is not the pinned one gets no login and no secret from a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adbray_ctl.adapters.ansible.runner import AnsibleRunner
from adbray_ctl.core.errors import RunError
from adbray_ctl.core.events import HostResult, RunEvent
from tests.contract.crossing import Crossing, crossing, encrypted
from tests.e2e.conftest import Project

GROUP = "demo"


@dataclass
class Site:
    """A project with a group on one host, which is reached by ``path``."""

    lab: Project
    project: Project
    path: Crossing

    @property
    def inventory(self) -> Path:
        return self.project.directory / "rendered"

    def run(self, switch_at: str = "") -> RunError:
        """Run the playbook of the group; at the first result of that role, the path changes."""

        def receive(event: RunEvent) -> None:
            if isinstance(event, HostResult) and event.step == switch_at and not self.path.sent:
                self.impersonate()

        runner = AnsibleRunner(self.project.directory / ".adbray" / "runs")
        with pytest.raises(RunError) as caught:
            runner.run("site", self.inventory, receive)
        return caught.value

    def impersonate(self) -> None:
        """From now on lab2 answers: it would let us in, since it has the same authorized key."""
        self.path.lead_to((self.lab.addresses["lab2"], 22))

    def nothing_was_sent(self) -> None:
        assert self.path.sent
        assert not any(encrypted(bytes(stream)) for stream in self.path.sent)
        secrets = [
            file.read_bytes().strip()
            for file in (self.project.directory / ".adbray" / "secrets").rglob("*")
            if file.is_file()
        ]
        assert secrets
        kept = b"".join(map(bytes, self.path.sent))
        assert not [secret for secret in secrets if secret in kept]


@pytest.fixture
def site(lab: Project, tmp_path: Path) -> Iterator[Site]:
    key = lab.directory / ".adbray" / "lab" / "id_ed25519"
    with crossing((lab.addresses["lab1"], 22)) as path:
        (tmp_path / "groups").mkdir()
        (tmp_path / "fleet.yml").write_text(
            "kind: Fleet\n"
            f"ssh: {{identity_file: {key}, port: {path.port}}}\n"
            "limits: {disk_gb: {min: 1, max: 20}}\n"
            "sizes: {nano: {cpus: 1, memory_gb: 1}}\n"
            "hosts: [{name: lab1, address: 127.0.0.1}]\n"
        )
        project = Project(tmp_path)
        project.write_group(
            GROUP,
            f"kind: RayCluster\nname: {GROUP}\n"
            "head: {size: nano, disk_gb: 1}\nredis: {mode: none}\n"
            "worker_groups: [{name: w, size: nano, disk_gb: 1}]\n",
        )
        # It logs in to see what the host has, and pins its key.
        project.ok("render", GROUP, "-o", str(tmp_path / "rendered"))
        yield Site(lab, project, path)
        lab.on("lab1", "rm -rf /etc/adbray /var/lib/adbray")


def logins(site: Site) -> int:
    """How often lab2 has let someone in, this question among them."""
    return int(site.lab.on("lab2", "journalctl -u ssh | grep -c Accepted"))


def test_a_key_that_changed_before_the_run(site: Site) -> None:
    site.impersonate()
    error = site.run()
    assert error.where == "lab1"
    assert "unreachable during host_base" in error.what
    assert "Host key verification failed" in error.what
    site.nothing_was_sent()


def test_a_key_that_changes_in_the_middle_of_a_run(site: Site) -> None:
    before = logins(site)
    error = site.run("host_base")
    assert "unreachable during host_base" in error.what
    site.nothing_was_sent()
    assert logins(site) == before + 1, "only this question itself"
    status = site.project.adbray("status")
    assert status.code == 1
    assert "has changed" in status.err


def test_the_pin_of_another_host(site: Site) -> None:
    known = site.project.directory / ".adbray" / "known_hosts"
    other = site.lab.on("lab2", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")
    known.write_text(f"[127.0.0.1]:{site.path.port} {other}\n")
    before = known.read_bytes()
    site.path.lead_to((site.lab.addresses["lab1"], 22))
    assert "Host key verification failed" in site.run().what
    site.nothing_was_sent()
    assert known.read_bytes() == before
