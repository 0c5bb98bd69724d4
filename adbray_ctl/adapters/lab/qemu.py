"""Hosts as virtual machines of qemu: a kernel of their own, a root disk and a data disk."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from adbray_ctl.adapters.lab import hosts, network, vm_image
from adbray_ctl.adapters.lab.processes import end, members
from adbray_ctl.adapters.lab.shell import read_text, run
from adbray_ctl.core.errors import LabError
from adbray_ctl.core.lab import HostKind, LabHost, LabOrder, LabPlan, VmDisk

CPUS, MEMORY_MIB, DATA_GIB = 2, 4096, 30
"""Of every VM. Memory and disk are taken from the machine as they are touched."""

TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
}
_TUN = Path("/dev/net/tun")
# noinit_itable: the image is a sparse file, so the inode tables that mkfs left out are zero.
_FSTAB = """\
/dev/vda / ext4 defaults,noinit_itable 0 1
/dev/disk/by-id/virtio-data /var/lib/adbray {type} \
defaults,prjquota,x-systemd.makefs,x-systemd.device-timeout=10min 0 2
"""
# An emulated machine beside much other work misses the ticks by which the kernel sees whether its
# timer is wired right, and it panics; or it finds its clock unsteady, and reads a slow one. Guards
# against speculation cost a flush of the emulator's page cache at every system call.
_KERNEL = (
    "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet "
    "no_timer_check tsc=reliable mitigations=off no5lvl"
)
_NETWORK = """\
[Match]
Name=eth0
[Network]
Address={address}/24
Gateway={gateway}
"""
_KVM_BOOTS_WITHIN_S = 10.0


class Qemu:
    """Backend. Hosts' folders lie below ``<base>/hosts``; ``key`` opens every host."""

    tools = TOOLS

    def __init__(self, base: Path, key: Path) -> None:
        self._base = base
        self._key = key
        # The image they were made on: a disk is what differs from it.
        self._image = base / "vm-image"
        self._accelerator = base / "accelerator"

    def require(self) -> None:
        if not _TUN.exists():
            raise LabError(f"there is no {_TUN}", hint="modprobe tun")

    def prepare(self, cache: Path, report: Callable[[str], None]) -> None:
        if not self._image.is_symlink():
            self._image.symlink_to(vm_image.vm_image(cache, report))
        if not self._accelerator.exists():
            kvm = _kvm_boots(self._image)
            self._accelerator.write_text("kvm" if kvm else "tcg")
            how = "KVM" if kvm else "emulation, for /dev/kvm boots no kernel here; this is slow"
            report(f"VMs run by {how}")

    def make(self, plan: LabPlan, host: LabHost, order: LabOrder, public_key: str) -> None:
        folder = self._folder(host)
        files = folder / "files"
        hosts.write_files(plan, host, files, public_key)
        (files / "etc" / "fstab").write_text(_FSTAB.format(type=order.vm_disk))
        wired = files / "etc" / "systemd" / "network" / "lab.network"
        wired.parent.mkdir(parents=True, exist_ok=True)
        wired.write_text(_NETWORK.format(address=host.address, gateway=plan.gateway))
        with tarfile.open(folder / "files.tar", "w") as archive:
            archive.add(files, arcname=".", filter=_of_root)
        pinned = (files / hosts.HOST_KEY).with_suffix(".pub").read_text()
        (folder / "known_hosts").write_text(f"{host.address} {pinned}")
        backing = (self._image / vm_image.DISK).resolve(strict=True)
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing), "-F", "raw",
            str(folder / "root.qcow2"))  # fmt: skip
        _make_data_disk(folder / "data.img", order.vm_disk)

    def boot(self, plan: LabPlan, host: LabHost) -> None:
        network.attach_tap(plan, host)
        group = hosts.cgroup(plan, host)
        group.mkdir(parents=True, exist_ok=True)
        command = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group)]
        command += [*_qemu(self._image, read_text(self._accelerator)), "-daemonize"]
        command += _devices(plan, host, self._folder(host))
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise LabError(f"qemu did not start: {result.stderr.strip()}", where=host.name)

    def pids(self, plan: LabPlan) -> Mapping[str, int]:
        vms = [host for host in plan.hosts if host.kind is HostKind.VM]
        found = {host.name: members(hosts.cgroup(plan, host)) for host in vms}
        return {name: pids[0] for name, pids in found.items() if pids}

    def system_state(self, plan: LabPlan, host: LabHost) -> str:
        return self._on(host, "systemctl is-system-running")

    def tell_names(self, plan: LabPlan, host: LabHost) -> None:
        self._on(host, f"printf %s '{hosts.names(plan)}' > /etc/hosts")

    def kill(self, plan: LabPlan, host: LabHost) -> None:
        end(members(hosts.cgroup(plan, host)), within_s=0)

    def clear(self, plan: LabPlan, host: LabHost) -> None:
        self.kill(plan, host)
        network.detach(plan, host)

    def _on(self, host: LabHost, command: str) -> str:
        """What ``command`` prints on the host, whatever its exit code; nothing if unreachable."""
        known = self._folder(host) / "known_hosts"
        options = ("BatchMode=yes", "ConnectTimeout=10", f'UserKnownHostsFile="{known}"')
        ssh = ["ssh", "-q", "-F", "none", "-i", str(self._key)]
        ssh += [word for option in options for word in ("-o", option)]
        try:
            result = subprocess.run(
                [*ssh, f"root@{host.address}", command],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ""
        return result.stdout.strip()

    def _folder(self, host: LabHost) -> Path:
        return self._base / "hosts" / host.name


def _make_data_disk(path: Path, kind: VmDisk) -> None:
    """A sparse file. The VM makes an xfs itself; of ext4, mkfs must be told of project quotas."""
    with path.open("wb") as file:
        file.truncate(DATA_GIB * 2**30)
    if kind is VmDisk.EXT4:
        run("mkfs.ext4", "-q", "-F", "-O", "project,quota", str(path))


def _qemu(image: Path, accelerator: str) -> list[str]:
    """A machine with the image's kernel, without disks, network or screen."""
    how = ["kvm", "-cpu", "host"] if accelerator == "kvm" else ["tcg,thread=multi", "-cpu", "max"]
    return [
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", "q35", "-accel", *how, "-smp", str(CPUS), "-m", str(MEMORY_MIB)),
        *("-kernel", str(image / vm_image.KERNEL), "-initrd", str(image / vm_image.INITRD)),
    ]


def _devices(plan: LabPlan, host: LabHost, folder: Path) -> list[str]:
    # After SIGKILL the machine still has what qemu wrote, but a qcow2's tables are written when the
    # VM flushes: of a raw disk nothing is lost without flushes, of the other all may be.
    raw, qcow2 = "format=raw,cache=unsafe", "format=qcow2,cache=writeback"
    return [
        *("-append", _KERNEL),
        *("-chardev", f"file,id=console,append=on,path={folder / 'console.log'}"),
        *("-serial", "chardev:console", "-device", "virtio-rng-pci"),
        *("-fw_cfg", f"name={vm_image.FILES},file={folder / 'files.tar'}"),
        *("-drive", f"id=root,file={folder / 'root.qcow2'},if=none,discard=unmap,{qcow2}"),
        *("-device", "virtio-blk-pci,drive=root,serial=root"),
        *("-drive", f"id=data,file={folder / 'data.img'},if=none,discard=unmap,{raw}"),
        *("-device", "virtio-blk-pci,drive=data,serial=data"),
        *("-netdev", f"tap,id=net,script=no,downscript=no,ifname={network.link(plan, host)}"),
        *("-device", f"virtio-net-pci,netdev=net,mac={network.mac(plan, host)}"),
    ]


def _kvm_boots(image: Path) -> bool:
    """Whether KVM brings a kernel as far as missing its root disk.

    /dev/kvm alone proves little: in a VM of a VM it may open, and nothing then run.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    kernel = ("-append", "console=ttyS0 panic=-1 rdinit=/nothing", "-no-reboot")
    try:
        result = subprocess.run(
            [*_qemu(image, "kvm"), *kernel, "-serial", "stdio"],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=_KVM_BOOTS_WITHIN_S,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0 and b"Kernel panic" in result.stdout


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
