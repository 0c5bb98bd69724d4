"""A host whose key is not the pinned one gets nothing from a run, whenever the key changes."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adbray_ctl.adapters.ansible import AnsibleRunner
from adbray_ctl.adapters.inventory_store import InventoryFiles
from adbray_ctl.adapters.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh import SshHosts
from adbray_ctl.core.errors import HostKeyError, RunError
from adbray_ctl.core.events import RunEvent
from adbray_ctl.core.inventory import Inventory
from adbray_ctl.core.inventory_connection import connection
from adbray_ctl.core.spec_fleet import Fleet
from tests.contract.crossing import Crossing, crossing, encrypted
from tests.contract.ssh_server import hosts

REPOSITORY = Path(__file__).parents[2]
SECRET = "tok-5f0e6c1b9a7d"
# The first task reaches the host, the second has the path changed, the third would hand a secret
# over.
PLAY = f"""
- name: Hand a secret over
  hosts: all
  gather_facts: false
  tasks:
    - name: Reach the host
      ansible.builtin.command: touch {{{{ folder }}}}/reached
    - name: Wait until the path has changed
      ansible.builtin.wait_for:
        host: 127.0.0.1
        port: "{{{{ switch }}}}"
        search_regex: changed
      delegate_to: localhost
      vars: {{ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
      when: switch | int > 0
    - name: Hand it over
      ansible.builtin.command:
        argv: [tee, "{{{{ folder }}}}/handed"]
        stdin: {SECRET}
      no_log: true
"""


@dataclass
class Site:
    """A project whose one host is reached by ``path``; ``impostor`` is where it may be led to."""

    folder: Path
    fleet: Fleet
    path: Crossing
    impostor: tuple[str, int]

    def login(self) -> str:
        """What adbray's own login to the host prints; it pins the host's key."""
        access = SshHosts(KnownHosts(self.folder / ".adbray" / "known_hosts"))
        return access.run_python(self.fleet, "a", "print('here')").strip()

    def run(self, switch: int = 0) -> None:
        content = self.folder / "content"
        (content / "playbooks").mkdir(parents=True)
        (content / "playbooks" / "play.yml").write_text(PLAY)
        shutil.copy(REPOSITORY / "ansible.cfg", content)
        state = self.folder / ".adbray"
        variables = connection(self.fleet, "a", str(state / "known_hosts"))
        store = InventoryFiles(state)
        values = {"folder": str(self.folder), "switch": switch}
        store.write(
            Inventory(groups={"adbray_hosts": ("a",)}, all_vars=values, host_vars={"a": variables}),
            store.path("g"),
        )
        events: list[RunEvent] = []
        AnsibleRunner(state / "runs", content).run("play", store.path("g"), events.append)

    def handed(self) -> bool:
        return (self.folder / "handed").exists()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The host and its impostor both let anyone in; only their keys differ."""
    (tmp_path / "other").mkdir()
    with (
        hosts(tmp_path, ("a",)) as (fleet, _),
        hosts(tmp_path / "other", ("a",)) as (other, _),
        crossing(("127.0.0.1", fleet.ssh.port)) as path,
    ):
        ssh = fleet.ssh.model_copy(update={"port": path.port})
        through = fleet.model_copy(update={"ssh": ssh})
        yield Site(tmp_path, through, path, ("127.0.0.1", other.ssh.port))


@contextmanager
def switch(path: Crossing, to: tuple[str, int]) -> Iterator[int]:
    """A port: who connects to it has the path changed, and hears of it afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            caller = listening.accept()[0]
            path.lead_to(to)
            caller.sendall(b"changed\n")
            caller.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def refused_before_login(path: Crossing) -> None:
    """Someone called the impostor, and nobody went on after seeing its key."""
    assert path.sent
    for stream in path.sent:
        assert encrypted(bytes(stream)) == b""
        assert SECRET.encode() not in stream


def test_a_host_with_the_pinned_key_gets_what_is_meant_for_it(site: Site) -> None:
    assert site.login() == "here"
    site.run()
    assert (site.folder / "handed").read_text().strip() == SECRET


def test_a_key_that_changed_between_observing_and_the_run_is_refused(site: Site) -> None:
    assert site.login() == "here"
    site.path.lead_to(site.impostor)
    with pytest.raises(RunError, match="Host key verification failed"):
        site.run()
    assert not site.handed()
    refused_before_login(site.path)


def test_a_key_that_changes_between_two_tasks_is_refused(site: Site) -> None:
    assert site.login() == "here"
    with (
        switch(site.path, site.impostor) as port,
        # ssh's own words are hidden, since the task handles a secret.
        pytest.raises(RunError, match="unreachable during playbook"),
    ):
        site.run(port)
    assert (site.folder / "reached").exists()
    assert not site.handed()
    refused_before_login(site.path)


def test_adbrays_own_login_refuses_a_changed_key(site: Site) -> None:
    assert site.login() == "here"
    site.path.lead_to(site.impostor)
    with pytest.raises(HostKeyError, match="has changed"):
        site.login()
    refused_before_login(site.path)
