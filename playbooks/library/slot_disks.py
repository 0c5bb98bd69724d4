#!/usr/bin/python
"""Ansible module: the disks of all slots one group has on a host, in one round trip."""

from __future__ import annotations

import glob
import os
import pwd
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: slot_disks
short_description: Give every slot a file system of a fixed size
description:
  - Each slot gets C(<root>/<group>/<slot>/) with C(tmp), C(logs) and C(spill), and can fill no more
    than its size.
  - Backend C(loop), the only one so far, mounts an ext4 image that is allocated in full, so that
    the space is kept; it works on any file system.
  - A disk can grow while it is used; making it smaller is refused.
  - Disks of the group whose slot is not listed are removed.
  - With I(only), all of this concerns the named slots alone.
options:
  group:
    description: The resource group.
    type: str
  user:
    description: Owner of the slots' directories.
    type: str
  backend:
    description: How the size is enforced.
    type: str
    choices: [loop]
  slots:
    description: Slots with C(name) and C(size_gb).
    type: list
    elements: dict
  only:
    description: The slots to look at; empty means all.
    type: list
    elements: str
  root:
    description: Where slots live.
    type: path
author: [adbray maintainers]
"""

UNIT_DIR = "/etc/systemd/system"
GIB = 2**30
ARGUMENTS = {
    "group": {"type": "str", "required": True},
    "user": {"type": "str", "default": "adbray"},
    "backend": {"type": "str", "choices": ["loop"], "default": "loop"},
    "slots": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "size_gb": {"type": "int", "required": True},
        },
    },
    "only": {"type": "list", "elements": "str", "default": []},
    "root": {"type": "path", "default": "/var/lib/adbray"},
}
# In the slot: name and mode. tmp becomes /tmp of the slot's unit. Ray itself sets spill to 0777;
# the slot's own directory keeps others out.
FOLDERS = {"tmp": 0o1777, "logs": 0o700, "spill": 0o777}
UNIT = """\
# Written by adbray: the disk of slot {slot} of group {group}.
[Unit]
Description=Disk of {group}/{slot}

[Mount]
What={image}
Where={mount}
Type=ext4
Options=loop,nosuid,nodev,noatime

[Install]
WantedBy=local-fs.target
"""


class DiskError(Exception):
    """A disk cannot be made as asked."""


class Host:
    """Carries out commands and remembers what was, or in check mode would be, changed."""

    def __init__(self, check_mode: bool) -> None:
        self.check_mode = check_mode
        self.actions: list[str] = []

    def change(self, action: str) -> bool:
        """Remember a change; True when it is to be carried out as well."""
        self.actions.append(action)
        return not self.check_mode


def run(*command: str, accepted: tuple[int, ...] = (0,)) -> str:
    try:
        result = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError as error:
        raise DiskError(f"{command[0]} is missing on this host") from error
    if result.returncode not in accepted:
        raise DiskError(f"{' '.join(command)} failed: {result.stdout.strip()}")
    return result.stdout


def escaped(path: str) -> str:
    """``systemd-escape --path``: '/' becomes '-', what is not [a-zA-Z0-9:_.] its hex code."""
    text = path.strip("/")
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in ":_./") else f"\\x{ord(c):02x}" for c in text
    )
    return plain.replace("/", "-")


class LoopDisks:
    """One allocated ext4 image and one .mount unit a slot."""

    def __init__(self, host: Host, root: str, group: str) -> None:
        self.host = host
        self.root = root
        self.group = group
        self.images = os.path.join(root, ".images")

    def image(self, slot: str) -> str:
        return os.path.join(self.images, f"{self.group}.{slot}.img")

    def mount(self, slot: str) -> str:
        return os.path.join(self.root, self.group, slot)

    def unit(self, slot: str) -> str:
        return f"{escaped(self.mount(slot))}.mount"

    def present(self) -> set[str]:
        """Slots that have an image, or one that was never finished, or a unit here."""
        found = set()
        for end in (".img", ".img.new"):
            pattern = os.path.join(glob.escape(self.images), f"{self.group}.*{end}")
            names = (os.path.basename(path) for path in glob.glob(pattern))
            found |= {name[len(self.group) + 1 : -len(end)] for name in names}
        prefix = escaped(os.path.join(self.root, self.group)) + "-"
        for path in glob.glob(os.path.join(UNIT_DIR, glob.escape(prefix) + "*.mount")):
            slot = os.path.basename(path)[len(prefix) : -len(".mount")]
            found.add(slot.replace("\\x2d", "-"))
        return found

    def ensure(self, sizes: dict[str, int]) -> None:
        """``sizes`` are in bytes."""
        self._require_room(sizes)
        units = []
        for slot, size in sizes.items():
            image = self.image(slot)
            if not os.path.exists(image):
                if self.host.change(f"make {image}"):
                    self._make(image, size)
            elif os.path.getsize(image) < size and self.host.change(f"grow {image}"):
                self._grow(slot, size)
            if self._write_unit(slot) or not os.path.ismount(self.mount(slot)):
                units.append(self.unit(slot))
        if units and self.host.change(f"mount {', '.join(units)}"):
            run("systemctl", "daemon-reload")
            run("systemctl", "enable", "--now", *units)

    def remove(self, slots: set[str]) -> None:
        """Units that need a mount (RequiresMountsFor) are stopped with it by systemd."""
        if not slots or not self.host.change(f"remove disks of {', '.join(sorted(slots))}"):
            return
        units = [self.unit(slot) for slot in sorted(slots)]
        files = [os.path.join(UNIT_DIR, unit) for unit in units]
        known = [unit for unit, file in zip(units, files) if os.path.exists(file)]
        if known:
            run("systemctl", "disable", "--now", *known)
        for slot, file in zip(sorted(slots), files):
            if os.path.ismount(self.mount(slot)):
                raise DiskError(f"{self.mount(slot)} is still in use and cannot be unmounted")
            for path in (file, self.image(slot), f"{self.image(slot)}.new"):
                if os.path.exists(path):
                    os.unlink(path)
            if os.path.isdir(self.mount(slot)):
                os.rmdir(self.mount(slot))
        run("systemctl", "daemon-reload")

    def _require_room(self, sizes: dict[str, int]) -> None:
        if not os.path.isdir(self.root):
            return  # a check run on a fresh host
        needed = 0
        for slot, size in sizes.items():
            image = self.image(slot)
            now = os.path.getsize(image) if os.path.exists(image) else 0
            if size < now:
                raise DiskError(
                    f"the disk of {self.group}/{slot} is {now / GIB:g} GB and cannot shrink to"
                    f" {size / GIB:g} GB: give the worker group a new name, or keep the size"
                )
            needed += size - now
        stat = os.statvfs(self.root)
        free = stat.f_bavail * stat.f_frsize
        if needed > free:
            raise DiskError(
                f"the disks of {self.group} need {needed / GIB:.1f} GB more below {self.root},"
                f" {free / GIB:.1f} GB are free: lower disk_gb, or make room on this host"
            )

    def _make(self, image: str, size: int) -> None:
        """Allocate in full, since the size is a promise, and format; the rename comes last."""
        temporary = f"{image}.new"
        try:
            allocate(temporary, size)
            # No reserve, since root writes nothing. Everything is laid out now: what the kernel
            # would zero later, it would zero by giving blocks of the image back.
            layout = "nodiscard,lazy_itable_init=0,lazy_journal_init=0"
            run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", layout, temporary)
            allocate(temporary, size)  # mkfs gave back what it zeroed
            os.rename(temporary, image)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)

    def _grow(self, slot: str, size: int) -> None:
        """While it is used where the kernel allows that, else unmounted, which stops the slot."""
        image = self.image(slot)
        allocate(image, size)
        if os.path.ismount(self.mount(slot)):
            device = run("findmnt", "--noheadings", "--output", "SOURCE", self.mount(slot)).strip()
            run("losetup", "--set-capacity", device)
            try:
                run("resize2fs", device)
                return
            except DiskError as error:
                # Growing a mounted ext4 asks for CAP_SYS_RESOURCE, which a container may not have.
                if "Permission denied" not in str(error):
                    raise
            run("systemctl", "stop", self.unit(slot))
        run("e2fsck", "-fp", image, accepted=(0, 1))  # 1: found something and mended it
        run("resize2fs", image)

    def _write_unit(self, slot: str) -> bool:
        path = os.path.join(UNIT_DIR, self.unit(slot))
        text = UNIT.format(
            group=self.group, slot=slot, image=self.image(slot), mount=self.mount(slot)
        )
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                if file.read() == text:
                    return False
        if self.host.change(f"write {path}"):
            with open(f"{path}.new", "w", encoding="utf-8") as file:
                file.write(text)
            os.rename(f"{path}.new", path)
        return True


def allocate(path: str, size: int) -> None:
    """Make ``path`` at least ``size`` bytes long with every block allocated."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        asked = f"{size / GIB:g} GB for {path}"
        raise DiskError(f"cannot allocate {asked}: {error.strerror}") from error
    finally:
        os.close(handle)


def ensure_folders(host: Host, path: str, user: str) -> None:
    """The slot's own directories; nothing in a check run that made no disk."""
    if not os.path.isdir(path):
        return
    try:
        owner = pwd.getpwnam(user)
    except KeyError:
        if host.check_mode:
            return
        raise DiskError(f"no such user: {user}") from None
    wanted = {path: (0, owner.pw_gid, 0o750)}
    for name, mode in FOLDERS.items():
        wanted[os.path.join(path, name)] = (owner.pw_uid, owner.pw_gid, mode)
    for folder, (uid, gid, mode) in wanted.items():
        if not os.path.isdir(folder) and host.change(f"make {folder}"):
            os.mkdir(folder, 0o700)
        if not os.path.isdir(folder):
            continue
        stat = os.stat(folder)
        seen = (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777)
        if seen != (uid, gid, mode) and host.change(f"own {folder}"):
            os.chown(folder, uid, gid)
            os.chmod(folder, mode)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    group, root = module.params["group"], module.params["root"]
    slots, only = module.params["slots"], set(module.params["only"])
    sizes = {s["name"]: s["size_gb"] * GIB for s in slots if not only or s["name"] in only}
    host = Host(module.check_mode)
    disks = LoopDisks(host, root, group)
    base = os.path.join(root, group)
    try:
        present = disks.present() & only if only else disks.present()
        disks.remove(present - set(sizes))
        if sizes and not os.path.isdir(base) and host.change(f"make {base}"):
            os.mkdir(base, 0o755)
        disks.ensure(sizes)
        for slot in sizes:
            ensure_folders(host, os.path.join(base, slot), module.params["user"])
        if not slots and os.path.isdir(base) and not os.listdir(base) and host.change("tidy"):
            os.rmdir(base)
    except (DiskError, OSError) as error:
        module.fail_json(msg=str(error), changed=bool(host.actions))
    module.exit_json(changed=bool(host.actions), actions=host.actions)


if __name__ == "__main__":
    main()
