"""What VMs boot: a Debian with a kernel of its own, as a disk they write beside; made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from adbray_ctl.adapters.lab import image
from adbray_ctl.adapters.lab.shell import run

DISK, KERNEL, INITRD = "disk.img", "vmlinuz", "initrd"
FILES = "opt/adbray/files"
"""Under this name qemu's firmware hands a VM the archive of its own files."""

# zstd: what initramfs-tools packs with, many times as fast as with gzip.
_PACKAGES = f"{image.PACKAGES},linux-image-cloud-amd64,udev,kmod,xfsprogs,quota,zstd"
_FORMAT = 1
_NEEDED_GIB = 4
_DISK_GIB = 16
_RIGHTS = 0o755
# initramfs-tools(7). The root is mounted by then, and systemd not yet begun.
_HOOK = """\
#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules qemu_fw_cfg
"""
_SCRIPT = f"""\
#!/bin/sh
# The host's own files, at its first boot: later they are its own to change. Its power may be cut
# at any time after.
[ "$1" != prereqs ] || exit 0
[ ! -e "$rootmnt/etc/ssh/ssh_host_ed25519_key" ] || exit 0
modprobe qemu_fw_cfg
chroot "$rootmnt" tar -x < /sys/firmware/qemu_fw_cfg/by_name/{FILES}/raw
sync
"""


def vm_image(cache: Path, report: Callable[[str], None]) -> Path:
    """The image's directory; made now if it is not in ``cache`` yet (about two minutes)."""
    recipe = image.Recipe(
        kind="vm",
        key=(_FORMAT, _PACKAGES, _HOOK, _SCRIPT, _DISK_GIB),
        needed_gib=_NEEDED_GIB,
        what=f"the VMs' image (Debian {image.SUITE} with its kernel, once, about two minutes)",
        build=_build,
    )
    return image.cached(cache, recipe, report)


def _build(target: Path, origin: image.Origin) -> None:
    root, hooks = target / "root", target / "initramfs-tools"
    _write_script(hooks / "hooks" / "adbray", _HOOK)
    _write_script(hooks / "scripts" / "init-bottom" / "adbray", _SCRIPT)
    image.bootstrap(root, _PACKAGES, origin, f"--essential-hook=copy-in {hooks} /etc")
    run("chroot", str(root), "systemctl", "enable", "systemd-networkd.service")
    for name, start in ((KERNEL, "vmlinuz-"), (INITRD, "initrd.img-")):
        (found,) = (root / "boot").glob(f"{start}*")
        shutil.copyfile(found, target / name)
    disk = target / DISK
    with disk.open("wb") as file:
        file.truncate(_DISK_GIB * 2**30)
    run("mkfs.ext4", "-q", "-F", "-d", str(root), str(disk), timeout_s=300)
    shutil.rmtree(root)
    shutil.rmtree(hooks)


def _write_script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(_RIGHTS)
