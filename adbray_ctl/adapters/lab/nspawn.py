"""Hosts as systemd-nspawn containers: an overlay over one base image, booted in a namespace."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from adbray_ctl.adapters.lab import hosts, image, loops, machine, network
from adbray_ctl.adapters.lab.processes import container_inits, end, members
from adbray_ctl.adapters.lab.shell import mounts_below, read_text, run
from adbray_ctl.core.errors import LabError
from adbray_ctl.core.lab import LabHost, LabOrder, LabPlan

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
TOOLS = {"systemd-nspawn": "systemd-container", "losetup": "mount", "nsenter": "util-linux"}


class Nspawn:
    """Backend. Hosts' folders lie below ``<base>/hosts``."""

    tools = TOOLS

    def __init__(self, base: Path) -> None:
        self._base = base
        # The image they were made on, also when a later version would make another by now.
        self._image = base / "image"

    def require(self) -> None:
        if not loops.CONTROL.exists():
            raise LabError(f"there is no {loops.CONTROL}", hint="modprobe loop")

    def prepare(self, cache: Path, report: Callable[[str], None]) -> None:
        root = image.base_image(cache, report)
        if not self._image.is_symlink():
            self._image.symlink_to(root)

    def make(self, plan: LabPlan, host: LabHost, order: LabOrder, public_key: str) -> None:
        upper = self._folder(host) / "upper"
        hosts.write_files(plan, host, upper, public_key)
        (upper / "etc" / "fstab").write_text(_FSTAB)

    def boot(self, plan: LabPlan, host: LabHost) -> None:
        folder, group = self._folder(host), hosts.cgroup(plan, host)
        _mount_root(host, folder, self._image.resolve(strict=True))
        network.attach(plan, host)
        _make_cgroups(group)
        name = network.namespace(plan, host)
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

    def pid(self, plan: LabPlan, host: LabHost) -> int | None:
        folder = self._folder(host)
        return container_inits(folder).get(folder / "upper")

    def system_state(self, plan: LabPlan, host: LabHost) -> str:
        init = self.pid(plan, host)
        if init is None:
            return "offline"
        try:
            result = subprocess.run(
                ["nsenter", f"--target={init}", "--mount", "--uts", "--ipc", "--net", "--pid",
                 "systemctl", "is-system-running"],
                capture_output=True, text=True, timeout=10, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "unknown"
        return result.stdout.strip()

    def tell_names(self, plan: LabPlan, host: LabHost) -> None:
        (self._folder(host) / "root" / "etc" / "hosts").write_text(hosts.names(plan))

    def kill(self, plan: LabPlan, host: LabHost) -> None:
        # Only the container's own PID 1 ends everything inside; nspawn then leaves by itself.
        init = self.pid(plan, host)
        end([] if init is None else [init], within_s=0)
        end(members(hosts.cgroup(plan, host)), within_s=5)
        clear_mounts(self._folder(host))

    def clear(self, plan: LabPlan, host: LabHost) -> None:
        end(members(hosts.cgroup(plan, host)), within_s=0)
        clear_mounts(self._folder(host))
        network.detach(plan, host)

    def _folder(self, host: LabHost) -> Path:
        return self._base / "hosts" / host.name


def clear_mounts(below: Path) -> None:
    """Free the loop devices on hosts' disks below ``below``, then unmount these."""
    mounts = mounts_below(below)
    loops.detach({mount.device for mount in mounts})
    for mount in mounts:
        machine.forget_lock(mount.point)
        run("umount", "-l", str(mount.point))


def _mount_root(host: LabHost, folder: Path, image: Path) -> None:
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


def _make_cgroups(group: Path) -> None:
    """A cgroup for the host alone: nspawn would put all hosts' systemds into one shared tree."""
    for name in ("keeper", "host"):
        (group / name).mkdir(parents=True, exist_ok=True)
    for controller in read_text(group / "cgroup.controllers").split():
        (group / "cgroup.subtree_control").write_text(f"+{controller}")
