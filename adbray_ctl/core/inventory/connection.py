"""How Ansible logs in to a host: as adbray itself does, and with the same pinned keys."""

from __future__ import annotations

import hashlib
import shlex
from typing import Any

from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.ssh import Ssh

# Connections are kept between tasks; a host that went silent is noticed within a minute.
_KEPT = (
    "ControlMaster=auto",
    "ControlPersist=120s",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
)


def connection(fleet: Fleet, name: str, known_hosts: str) -> dict[str, Any]:
    """The connection variables of a host; ``known_hosts`` is the path of the pinned keys.

    ssh takes the first value that it is given, and ``ansible_ssh_args`` come first on its command
    line. What Ansible or an operator's settings add behind them cannot loosen the check of keys.
    """
    host = fleet.host(name)
    ssh = fleet.ssh_for(host)
    identities = f"IdentitiesOnly={'yes' if ssh.identity_file else 'no'}"
    words = [*_options(*_trust(known_hosts), identities, *_KEPT)]
    if ssh.jump is not None:
        words += ["-o", f"ProxyCommand={_jump_command(ssh, known_hosts)}"]
    connection: dict[str, Any] = {
        "ansible_host": host.address,
        "ansible_user": ssh.user,
        "ansible_port": ssh.port,
        "ansible_ssh_args": shlex.join(words),
        "ansible_host_key_checking": True,
        "ansible_control_path": f"%(directory)s/{_socket_name(ssh, host.address, known_hosts)}",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_become": ssh.user != "root",
    }
    if ssh.identity_file:
        connection["ansible_ssh_private_key_file"] = ssh.identity_file
    return connection


def _trust(known_hosts: str) -> tuple[str, ...]:
    """Only the keys of that file count, and ssh never writes to it."""
    # ssh splits the value at spaces and expands %, so a path is quoted for it.
    path = known_hosts.replace("%", "%%")
    return (
        "StrictHostKeyChecking=yes",
        f'UserKnownHostsFile="{path}"',
        "GlobalKnownHostsFile=/dev/null",
        "VerifyHostKeyDNS=no",
        "CheckHostIP=no",
        "UpdateHostKeys=no",
    )


def _options(*options: str) -> tuple[str, ...]:
    """ssh's arguments; neither the user's nor the system's ssh_config is read."""
    return ("-F", "/dev/null", *(word for option in options for word in ("-o", option)))


def _jump_command(ssh: Ssh, known_hosts: str) -> str:
    # ProxyJump would not give our known_hosts and key to the inner ssh, so it is written out.
    jump = ssh.jump
    assert jump is not None
    identity = jump.identity_file or ssh.identity_file
    words = [*_options(*_trust(known_hosts))]
    if identity:
        words += ["-i", identity, "-o", "IdentitiesOnly=yes"]
    words += ["-p", str(jump.port), f"{jump.user}@{jump.address}"]
    # The outer ssh puts host and port in for %h and %p.
    return shlex.join(["ssh", "-W", "[%h]:%p", *(word.replace("%", "%%") for word in words)])


def _socket_name(ssh: Ssh, address: str, known_hosts: str) -> str:
    """The name of the kept connection's socket: one for each login, way and set of pinned keys.

    Ansible's own name is made of host, port and user alone. Two projects have the same private
    address behind different jump hosts: one would get the connection to the other's host.
    """
    way = ssh.jump.model_dump_json() if ssh.jump else ""
    login = f"{ssh.user}@{address}:{ssh.port} {ssh.identity_file} {way} {known_hosts}"
    return hashlib.sha256(login.encode()).hexdigest()[:10]
