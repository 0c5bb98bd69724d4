#!/usr/bin/python
"""Ansible module: the disks of all slots one group has on a host, in one round trip."""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.adbray_host.disks.disk import (
    Disk,
    store_at,
    store_of,
)
from ansible_collections.adbray.ray.plugins.module_utils.adbray_host.disks.folders import (
    ensure_folders,
)
from ansible_collections.adbray.ray.plugins.module_utils.adbray_host.disks.host import (
    GIB,
    DiskError,
    Host,
    free_bytes,
    nearest,
    run,
)
from ansible_collections.adbray.ray.plugins.module_utils.adbray_host.disks.units import (
    slots_with_units,
)

DOCUMENTATION = r"""
module: slot_disks
short_description: Give every slot a file system of a fixed size
description:
  - Each slot gets C(<root>/<group>/<slot>/) with C(tmp), C(logs) and C(spill), and can fill no more
    than its size. With I(spill_path), C(spill) is a second disk of the same size there.
  - Backend C(loop) mounts an ext4 image that is allocated in full, so that the space is kept; it
    works on any file system. C(xfs_project) and C(ext4_project) mount a directory with a project
    quota; its file system must be mounted with prjquota, and Linux 5.14 or newer must run.
  - A disk grows while it is used. One that shrinks is unmounted for it, which stops its slot, and
    loses what is spilled and temporary; one that holds more than it would have is left as it is.
  - A disk of another path or backend is made anew; one with more in it than logs, spilled and
    temporary files, as a head has that keeps its state on its disk, is left as it is. So is one
    that cannot be mounted to see what it holds, here as where it would shrink.
  - Disks of the group whose slot is not listed are removed.
  - With I(only), all of this concerns the named slots alone.
options:
  group:
    description: The resource group.
    type: str
  user:
    description:
      - Owner of the slots' directories. What belongs to the owner of before becomes this one's.
    type: str
  slots:
    description:
      - Slots with C(name), C(size_gb), C(path), C(backend), C(spill_path) and C(spill_backend).
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

DATA = "/var/lib/adbray"
BACKENDS = ["loop", "xfs_project", "ext4_project"]
ARGUMENTS = {
    "group": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "slots": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "size_gb": {"type": "int", "required": True},
            "path": {"type": "path", "default": DATA},
            "backend": {"type": "str", "choices": BACKENDS, "default": "loop"},
            "spill_path": {"type": "path", "default": ""},
            "spill_backend": {"type": "str", "choices": BACKENDS, "default": "loop"},
        },
    },
    "only": {"type": "list", "elements": "str", "default": []},
    "root": {"type": "path", "default": DATA},
}


class GroupDisks:
    """The disks of one group on this host."""

    def __init__(self, host: Host, root: str, group: str, slots: list[dict[str, Any]]) -> None:
        self._host = host
        self._group = group
        self._slots = slots
        self._root = root
        self.base = os.path.join(root, group)

    def present(self) -> set[str]:
        """Slots that have a disk here, or one that was never finished."""
        found: set[str] = set(slots_with_units(self.base))
        for store in self._stores():
            found |= store.slots(self._group)
        return found

    def ensure(self, user: str) -> None:
        own = [(self._disk(s["name"]), self._store(s), s) for s in self._slots]
        spills = [
            (self._disk(s["name"], spill=True), self._store(s, "spill_"), s)
            for s in self._slots
            if s["spill_path"]
        ]
        for disk, store, slot in own + spills:
            disk.require(store, slot["size_gb"] * GIB)
        self._require_room(own + spills)
        for slot in self._slots:
            if not slot["spill_path"]:
                self._drop_spill(slot["name"])
        self._make(own)
        for slot in self._slots:
            ensure_folders(self._host, os.path.join(self.base, slot["name"]), user)
        self._make(spills)
        for _, _, slot in spills:
            ensure_folders(self._host, os.path.join(self.base, slot["name"]), user)

    def remove(self, slots: set[str]) -> None:
        if not slots or not self._host.change(f"remove disks of {', '.join(sorted(slots))}"):
            return
        stores = self._stores()
        for slot in sorted(slots):
            disks = (self._disk(slot, spill=True), self._disk(slot))
            for disk in disks:
                disk.remove()
                for store in stores:
                    store.remove(disk.name)
            if os.path.isdir(disks[-1].unit.where):
                os.rmdir(disks[-1].unit.where)
        run("systemctl", "daemon-reload")

    def _disk(self, slot: str, *, spill: bool = False) -> Any:
        where = os.path.join(self.base, slot, "spill") if spill else os.path.join(self.base, slot)
        return Disk(self._host, self._group, slot, where, spill)

    def _store(self, slot: dict[str, Any], which: str = "") -> Any:
        return store_of(slot[f"{which}backend"], slot[f"{which}path"])

    def _stores(self) -> list[Any]:
        """Every place where disks of the group may be: as asked, as mounted, and by default."""
        paths = {self._root, *(s["path"] for s in self._slots)}
        paths |= {s["spill_path"] for s in self._slots} - {""}
        found = [store_of(backend, path) for path in sorted(paths) for backend in BACKENDS[:2]]
        for slot in slots_with_units(self.base):
            for spill in (False, True):
                source = self._disk(slot, spill=spill).unit.source()
                found += [store_at(source)] if source else []
        return list({store.folder: store for store in found}.values())

    def _require_room(self, disks: list[tuple[Any, Any, dict[str, Any]]]) -> None:
        stores = {store.folder: store for _, store, _ in disks}
        needed: dict[int, int] = {}
        places: dict[int, str] = {}
        for folder, store in stores.items():
            mine = [(d, s["size_gb"] * GIB) for d, other, s in disks if other.folder == folder]
            place = nearest(folder)
            device = os.stat(place).st_dev
            places[device] = place
            asked = store.needed({disk.name: size for disk, size in mine})
            freed = sum(disk.freed(store) for disk, _ in mine)
            needed[device] = needed.get(device, 0) + asked - freed
        for device, much in needed.items():
            free = free_bytes(places[device])
            if much > free:
                raise DiskError(
                    f"the disks of {self._group} need {much / GIB:.1f} GB more below"
                    f" {places[device]}, {free / GIB:.1f} GB are free: lower disk_gb, or make room"
                    " on this host"
                )

    def _make(self, disks: list[tuple[Any, Any, dict[str, Any]]]) -> None:
        units = [
            disk.unit.name
            for disk, store, slot in disks
            if disk.ensure(store, slot["size_gb"] * GIB)
        ]
        if units and self._host.change(f"mount {', '.join(units)}"):
            run("systemctl", "daemon-reload")
            run("systemctl", "enable", "--now", *units)

    def _drop_spill(self, slot: str) -> None:
        """A slot's spill is no longer apart: what is in it belongs to a process that has ended."""
        disk = self._disk(slot, spill=True)
        if disk.unit.source() and self._host.change(f"remove the spill disk of {slot}"):
            disk.remove()


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    only = set(module.params["only"])
    slots = [s for s in module.params["slots"] if not only or s["name"] in only]
    host = Host(module.check_mode)
    disks = GroupDisks(host, module.params["root"], module.params["group"], slots)
    try:
        present = disks.present() & only if only else disks.present()
        disks.remove(present - {slot["name"] for slot in slots})
        if slots and not os.path.isdir(disks.base) and host.change(f"make {disks.base}"):
            os.mkdir(disks.base, 0o755)
        disks.ensure(module.params["user"])
        left = os.path.isdir(disks.base) and not os.listdir(disks.base)
        if not module.params["slots"] and left and host.change("tidy"):
            os.rmdir(disks.base)
    except (DiskError, OSError) as error:
        module.fail_json(msg=str(error), changed=bool(host.actions))
    for warning in host.warnings:
        module.warn(warning)
    module.exit_json(changed=bool(host.actions), actions=host.actions)


if __name__ == "__main__":
    main()
