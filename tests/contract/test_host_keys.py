"""A host whose key is not the pinned one gets nothing from a run, whenever the key changes."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adbray_ctl.adapters.ansible.runner import AnsibleRunner
from adbray_ctl.adapters.content import collection_dir
from adbray_ctl.adapters.ssh.command import Request
from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.state.inventory_store import InventoryFiles
from adbray_ctl.core.errors import HostKeyError, RunError
from adbray_ctl.core.events import HostResult, RunEvent
from adbray_ctl.core.inventory.connection import connection
from adbray_ctl.core.inventory.site import Inventory
from adbray_ctl.core.spec.fleet import Fleet
from tests.contract.crossing import Crossing, crossing, encrypted
from tests.contract.ssh_server import hosts

REPOSITORY = Path(__file__).parents[2]
SECRET = "tok-5f0e6c1b9a7d"
OPERATORS_SECRET = "op-77c1e0aa"
# Ansible loads such a plugin from the operator's home without being asked for it.
CURIOUS = """
import os
from ansible.plugins.callback.default import CallbackModule as Default
class CallbackModule(Default):
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "curious"
    def v2_playbook_on_start(self, playbook):
        open(os.path.expanduser("~/curious"), "w").close()
"""
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
        with access.command(self.fleet, "a", Request("echo here")) as command:
            return command.outcome(20).output.decode().strip()

    def run(self, switch: int = 0) -> list[RunEvent]:
        content = self.folder / "content"
        playbooks = collection_dir(content) / "playbooks"
        playbooks.mkdir(parents=True)
        (playbooks / "play.yml").write_text(PLAY)
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
        return events

    def handed(self) -> bool:
        return (self.folder / "handed").exists()


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An operator whose settings undo all guards; gives the operator's home directory."""
    # The path of a Unix socket ends at 107 bytes.
    with tempfile.TemporaryDirectory(prefix="h") as home:
        plugins = Path(home) / ".ansible" / "plugins" / "callback"
        plugins.mkdir(parents=True)
        (plugins / "curious.py").write_text(CURIOUS)
        config = Path(home) / "ansible.cfg"
        config.write_text("[defaults]\nhost_key_checking = False\nlog_path = ~/log\n")
        for name, value in {
            "HOME": home,
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_SSH_ARGS": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
            "ANSIBLE_SSH_COMMON_ARGS": "-o StrictHostKeyChecking=no",
            "ANSIBLE_SSH_EXTRA_ARGS": "-o StrictHostKeyChecking=no",
            "ANSIBLE_LOG_PATH": f"{home}/log",
            "ANSIBLE_DEBUG": "1",
            "ANSIBLE_VERBOSITY": "4",
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "ANSIBLE_NO_LOG": "False",
            "ANSIBLE_CALLBACKS_ENABLED": "curious",
            "ANSIBLE_CALLBACK_PLUGINS": str(plugins),
            "ORIGINAL_STDOUT_CALLBACK": "curious",
            "MAX_EVENT_RES": "1",
            "RUNNER_OMIT_EVENTS": "true",
            "JOB_ID": "batch-7",
            "PYTHONPATH": str(plugins),
            "SOME_PASSWORD": OPERATORS_SECRET,
            "UV_INDEX_URL": f"https://me:{OPERATORS_SECRET}@127.0.0.1:9/wheels",
        }.items():
            monkeypatch.setenv(name, value)
        yield Path(home)


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


@pytest.mark.usefixtures("hostile")
def test_an_operators_settings_do_not_loosen_the_check(site: Site) -> None:
    assert site.login() == "here"
    site.path.lead_to(site.impostor)
    with pytest.raises(RunError, match="Host key verification failed"):
        site.run()
    refused_before_login(site.path)


def test_an_operators_settings_take_no_part_in_a_run(site: Site, hostile: Path) -> None:
    assert site.login() == "here"
    events = site.run()
    hosts = [event.host for event in events if isinstance(event, HostResult)]
    assert hosts == ["a", "a", "a"]
    assert site.handed()
    assert not (hostile / "log").exists()
    assert not (hostile / "curious").exists()
    kept = [file for file in (site.folder / ".adbray" / "runs").rglob("*") if file.is_file()]
    assert kept
    for file in kept:
        assert OPERATORS_SECRET not in file.read_text()
        assert SECRET not in file.read_text()
    assert list((hostile / ".ansible" / "cp").iterdir()) == [], "each run ends its connections"


@pytest.mark.parametrize("name", ["known_hosts", "a b/known hosts", "100%/known_hosts", "it's/k"])
def test_ssh_takes_our_options_before_all_others(name: str, tmp_path: Path) -> None:
    known = tmp_path / name
    ssh = {"identity_file": "/k", "jump": {"address": "gate"}}
    entries = [{"name": "a", "address": "10.0.0.1"}]
    fleet = Fleet.model_validate({"kind": "Fleet", "ssh": ssh, "hosts": entries})
    words = shlex.split(connection(fleet, "a", str(known))["ansible_ssh_args"])
    loose = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    jump = next(w for w in words if w.startswith("ProxyCommand=")).partition("=")[2]
    # ssh expands the command of a proxy before a shell reads it.
    inner = shlex.split(jump.replace("%h", "10.0.0.1").replace("%p", "22").replace("%%", "%"))
    for command in (["ssh", *words, *loose, "10.0.0.1"], [*inner[:-1], *loose, inner[-1]]):
        found = effective(command)
        assert found["stricthostkeychecking"] == "true"
        assert found["userknownhostsfile"] in (str(known), f'"{known}"')
        assert found["globalknownhostsfile"] == "/dev/null"
        assert found["verifyhostkeydns"] == "false"
        assert found["updatehostkeys"] == "false"
        assert found["forwardagent"] == "no"


def effective(command: list[str]) -> dict[str, str]:
    """What ssh would do, by its own word."""
    done = subprocess.run([command[0], "-G", *command[1:]], capture_output=True, check=True)
    lines = (line.partition(" ") for line in done.stdout.decode().splitlines())
    return {key: value for key, _, value in lines}


def test_adbrays_own_login_refuses_a_changed_key(site: Site) -> None:
    assert site.login() == "here"
    site.path.lead_to(site.impostor)
    with pytest.raises(HostKeyError, match="has changed"):
        site.login()
    refused_before_login(site.path)
