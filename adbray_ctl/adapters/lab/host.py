"""One lab host: the files of its own, its disk, its boot, and what is left when it has ended."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from pathlib import Path

from adbray_ctl.adapters.lab import loops, machine, network
from adbray_ctl.adapters.lab.processes import end, members
from adbray_ctl.adapters.lab.shell import mounts_below, read_text, run
from adbray_ctl.core.errors import LabError
from adbray_ctl.core.lab import LabHost, LabPlan

# Ray keeps objects in /dev/shm; nspawn gives it a tenth of the memory, a real host half.
_FSTAB = "tmpfs /dev/shm tmpfs nosuid,nodev,size=50% 0 0\n"
# nspawn ends with 133 when its host reboots, and leaves starting it again to who started it. The
# keeper must not sit in the cgroup above nspawn's: v2 has processes in leaves only.
_KEEPER = """
group=$1; shift
echo $$ > "$group/keeper/cgroup.procs" || exit
while :; do
  sh -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$group/host" "$@"
  [ $? -eq 133 ] || exit
done
"""
_RESOLVED = Path("/run/systemd/resolve/resolv.conf")


def write_files(plan: LabPlan, host: LabHost, folder: Path, public_key: str) -> None:
    """The host's own files, laid over the base image before its first boot."""
    upper = folder / "upper"
    ssh, root_ssh = upper / "etc" / "ssh", upper / "root" / ".ssh"
    ssh.mkdir(parents=True, exist_ok=True)
    root_ssh.parent.mkdir(mode=0o700, exist_ok=True)
    root_ssh.mkdir(mode=0o700, exist_ok=True)
    (root_ssh / "authorized_keys").write_text(public_key)
    texts = {
        "hostname": f"{host.name}\n",
        "machine-id": f"{uuid.uuid4().hex}\n",
        "hosts": _names(plan),
        "resolv.conf": _resolver(),
        "fstab": _FSTAB,
    }
    for name, text in texts.items():
        (upper / "etc" / name).write_text(text)
    key = ssh / "ssh_host_ed25519_key"
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", str(key))


def tell_names(plan: LabPlan, folder: Path) -> None:
    """A running host learns of hosts that have come since; through its mounted root."""
    (folder / "root" / "etc" / "hosts").write_text(_names(plan))


def mount_root(host: LabHost, folder: Path, image: Path) -> None:
    """Lay the host's own files over the base image."""
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    layers = f"lowerdir={image},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    try:
        run("mount", "-t", "overlay", f"adbray-{host.name}", "-o", layers, str(folder / "root"))
    except LabError as error:
        raise LabError(
            error.what,
            where=str(folder),
            hint="put the project on a disk with ext4 or xfs: hosts' disks are overlays",
        ) from error


def boot(plan: LabPlan, host: LabHost, folder: Path) -> None:
    """Start the host in its namespace and cgroup; it runs on when this process ends."""
    name, group = network.namespace(plan, host), cgroup(plan, host)
    _make_cgroups(group)
    command = [
        *("systemd-nspawn", "--boot", f"--directory={folder / 'root'}", f"--machine={name}"),
        *(f"--hostname={host.name}", f"--network-namespace-path=/run/netns/{name}"),
        # Hosts may hold virtual addresses and packet filters of their own.
        "--capability=CAP_NET_ADMIN",
        *("--register=no", "--keep-unit", "--resolv-conf=off", "--link-journal=no"),
        *loops.binds(),
    ]
    with (folder / "console.log").open("ab") as log:
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", _KEEPER, "sh", str(group), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            check=True,
        )


def answers(host: LabHost) -> bool:
    """Whether sshd greets."""
    try:
        with socket.create_connection((host.address, 22), timeout=1) as connection:
            connection.settimeout(1)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def system_state(init: int) -> str:
    """What systemd of the host with this PID 1 says of itself: starting, running, degraded..."""
    try:
        result = subprocess.run(
            ["nsenter", f"--target={init}", "--mount", "--uts", "--ipc", "--net", "--pid",
             "systemctl", "is-system-running"],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "unknown"
    return result.stdout.strip()


def clear(plan: LabPlan, host: LabHost, folder: Path) -> None:
    """End what is left of a host that was killed or has ended; its disk stays."""
    end(members(cgroup(plan, host)), within_s=0)
    clear_mounts(folder)
    network.detach(plan, host)


def clear_mounts(below: Path) -> None:
    """Free the loop devices on hosts' disks below ``below``, then unmount these."""
    mounts = mounts_below(below)
    loops.detach({mount.device for mount in mounts})
    for mount in mounts:
        machine.forget_lock(mount.point)
        run("umount", "-l", str(mount.point))


def cgroup(plan: LabPlan, host: LabHost) -> Path:
    return machine.cgroup_root() / network.namespace(plan, host)


def _make_cgroups(group: Path) -> None:
    """A cgroup for the host alone: nspawn would put all hosts' systemds into one shared tree."""
    for name in ("keeper", "host"):
        (group / name).mkdir(parents=True, exist_ok=True)
    for controller in read_text(group / "cgroup.controllers").split():
        (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _names(plan: LabPlan) -> str:
    lines = ["127.0.0.1 localhost", *(f"{host.address} {host.name}" for host in plan.hosts)]
    return "\n".join(lines) + "\n"


def _resolver() -> str:
    """The machine's name servers; behind systemd-resolved's stub, which no host can reach."""
    text = read_text(Path("/etc/resolv.conf"))
    return read_text(_RESOLVED) or text if "nameserver 127." in text else text
