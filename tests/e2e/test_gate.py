"""The head's link to the real gate, sshd and systemd of a host, with units that run no Ray."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adbray_ctl.adapters.host_package import host_package
from adbray_ctl.provider.link import Login, SshLink
from adbray_ctl.provider.model import HostAddress, SlotState
from tests.e2e.conftest import RESTART_SSHD, Project, run

HOST = "lab3"
PROGRAM = "/usr/local/bin/gate.pyz"
GATE = f"""\
#!/bin/sh
exec /usr/bin/python3 -I -S {PROGRAM} gate "$@"
"""
UNIT = "/run/systemd/system/adbray-worker@demo.w-0.service"
RECORD = {"group": "demo", "slot": "w-0", "kind": "worker", "worker_group": "w"}
HOME = "/etc/adbray/.slot"
MAKE = f"""
useradd -r -d {HOME} -s /bin/bash adbray-slot; usermod -p '*' adbray-slot
mkdir -p {HOME}/.ssh /etc/adbray/demo /run/adbray/demo
echo 'adbray-slot ALL=(root) NOPASSWD: ALL' > /etc/sudoers.d/gate
echo 'Defaults:adbray-slot env_keep += "SSH_ORIGINAL_COMMAND"' >> /etc/sudoers.d/gate
printf '[Service]\\nExecStart=/bin/sleep infinity\\n' > {UNIT}; systemctl daemon-reload
echo MaxSessions 1 > /etc/ssh/sshd_config.d/gate.conf; {RESTART_SSHD}
echo 'echo Authorized use only' > /etc/ssh/sshrc; echo 'echo Welcome' > {HOME}/.bashrc
chmod 755 /etc/adbray {HOME}/.ssh
"""
UNMAKE = f"""
systemctl stop adbray-worker@demo.w-0; rm -rf {UNIT} /etc/adbray /run/adbray
rm -f /usr/local/bin/gate {PROGRAM} /etc/sudoers.d/gate
rm -f /etc/ssh/sshd_config.d/gate.conf /etc/ssh/sshrc
systemctl daemon-reload
{RESTART_SSHD}; pkill -u adbray-slot; sleep 1; userdel adbray-slot
"""


@pytest.fixture
def link(lab: Project, tmp_path: Path) -> Iterator[SshLink]:
    """A gate behind one session a connection, where all that can print does."""
    key = tmp_path / "slot_key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], timeout_s=30)
    public = key.with_suffix(".pub").read_text().strip()
    command = 'restrict,command="sudo -n /usr/local/bin/gate --group demo"'
    lab.send(host_package().written(tmp_path), HOST, PROGRAM)
    lab.on(HOST, f"cat > /usr/local/bin/gate <<'END'\n{GATE}END")
    lab.on(HOST, f"chmod 755 /usr/local/bin/gate\n{MAKE}")
    lab.on(HOST, f"echo '{command} {public}' > {HOME}/.ssh/authorized_keys")
    lab.on(HOST, f"echo '{json.dumps(RECORD)}' > /etc/adbray/demo/w-0.json")
    known = str(lab.directory / ".adbray" / "known_hosts")
    found = SshLink(
        HostAddress(HOST, lab.addresses[HOST], 22), Login("adbray-slot", str(key), known)
    )
    yield found
    found.close()
    lab.try_on(HOST, UNMAKE)


def test_a_slot_starts_and_stops_beside_the_watch(lab: Project, link: SshLink) -> None:
    (slot,) = link.list()
    assert (slot.name, slot.state) == ("w-0", SlotState.STOPPED)
    started = link.start("w-0")
    assert started.state is SlotState.RUNNING
    assert link.list() == (started,)
    assert lab.on(HOST, "systemctl is-active adbray-worker@demo.w-0").endswith("\nactive")
    assert link.stop(started.instance).state is SlotState.STOPPED
    assert link.list()[0].state is SlotState.STOPPED
