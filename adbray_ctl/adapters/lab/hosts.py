"""What hosts of either kind have: a folder, a cgroup, names, keys, and an sshd that greets."""

from __future__ import annotations

import socket
import uuid
from pathlib import Path

from adbray_ctl.adapters.lab import machine, network
from adbray_ctl.adapters.lab.shell import read_text, run
from adbray_ctl.core.lab import LabHost, LabPlan

HOST_KEY = Path("etc/ssh/ssh_host_ed25519_key")

_RESOLVED = Path("/run/systemd/resolve/resolv.conf")


def cgroup(plan: LabPlan, host: LabHost) -> Path:
    return machine.cgroup_root() / network.namespace(plan, host)


def write_files(plan: LabPlan, host: LabHost, root: Path, public_key: str) -> None:
    """A new host's own files below ``root``, to be laid over its image before its first boot."""
    ssh, root_ssh = (root / HOST_KEY).parent, root / "root" / ".ssh"
    ssh.mkdir(parents=True, exist_ok=True)
    root_ssh.parent.mkdir(mode=0o700, exist_ok=True)
    root_ssh.mkdir(mode=0o700, exist_ok=True)
    (root_ssh / "authorized_keys").write_text(public_key)
    texts = {
        "hostname": f"{host.name}\n",
        "machine-id": f"{uuid.uuid4().hex}\n",
        "hosts": names(plan),
        "resolv.conf": _resolver(),
    }
    for name, text in texts.items():
        (root / "etc" / name).write_text(text)
    key = root / HOST_KEY
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", str(key))


def names(plan: LabPlan) -> str:
    """/etc/hosts of every host."""
    lines = ["127.0.0.1 localhost", *(f"{host.address} {host.name}" for host in plan.hosts)]
    return "\n".join(lines) + "\n"


def answers(host: LabHost) -> bool:
    """Whether sshd greets."""
    try:
        with socket.create_connection((host.address, 22), timeout=1) as connection:
            connection.settimeout(1)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _resolver() -> str:
    """The machine's name servers; behind systemd-resolved's stub, which no host can reach."""
    text = read_text(Path("/etc/resolv.conf"))
    return read_text(_RESOLVED) or text if "nameserver 127." in text else text
