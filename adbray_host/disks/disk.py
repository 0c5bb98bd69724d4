"""One disk of one slot: made, grown, shrunk, made anew another way, and removed."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Union

from .host import GIB, DiskError, Host, used_bytes
from .loop import LoopStore
from .project import ProjectStore
from .units import MountUnit

Store = Union[LoopStore, ProjectStore]  # noqa: UP007 - evaluated, by Python 3.8 too
# What no process can use once the slot's have ended, and the room that is kept for the next start.
LEFT_BEHIND = ("spill", "tmp", ".reserve")
# What a file system takes for itself, and room to write on.
_HEADROOM = 1.2


def store_of(backend: str, path: str) -> Store:
    """The disks that ``backend`` makes below ``path``."""
    return LoopStore(path) if backend == "loop" else ProjectStore(path)


def store_at(source: str) -> Store:
    """That of what a mount unit mounts."""
    folder, path = os.path.dirname(source), os.path.dirname(os.path.dirname(source))
    return LoopStore(path) if folder == LoopStore(path).folder else ProjectStore(path)


class Disk:
    """What is mounted at ``where``: the slot's directory, or its ``spill`` apart from the rest."""

    def __init__(self, host: Host, group: str, slot: str, where: str, spill: bool) -> None:
        self._host = host
        self._group = group
        self._slot = slot
        self._spill = spill
        self.name = f"{group}.{slot}.spill" if spill else f"{group}.{slot}"
        self.unit = MountUnit(host, where)

    def require(self, store: Store, size: int) -> None:
        """Raise DiskError, before anything is touched, if it cannot become so."""
        old = self._store()
        if old is None:
            return
        if old.folder != store.folder:
            kept = sorted(set(self._kept(old)) - {"logs"})
            if kept:
                raise DiskError(
                    f"the disk of {self._group}/{self._slot} holds {', '.join(kept)}, which would"
                    " be lost if it were made anew elsewhere: keep `disk` of its host in fleet.yml"
                )
        elif size < (old.size(self.name) or 0):
            self._require_mounted(old)
            used = used_bytes(self.unit.where, LEFT_BEHIND) * _HEADROOM
            if used > size:
                raise DiskError(
                    f"the disk of {self._group}/{self._slot} holds {used / GIB:.1f} GB besides what"
                    f" is spilled and temporary, too much for {size / GIB:g} GB: keep the size"
                )

    def ensure(self, store: Store, size: int) -> bool:
        """Make it so; whether its unit is to be started."""
        old = self._store()
        if old is not None and old.folder != store.folder:
            if self._host.change(f"remove {old.source(self.name)}"):
                self.remove()
            old = None
        new_unit = self.unit.write(
            self._group, self._slot, store.source(self.name), store.kind, store.options
        )
        before = store.size(self.name)
        if before is None:
            if self._host.change(f"make {store.source(self.name)}"):
                store.make(self.name, size)
        elif before < size:
            if self._host.change(f"grow {store.source(self.name)}"):
                self._grow(store, size)
        elif before > size and self._host.change(f"shrink {store.source(self.name)}"):
            self._shrink(store, size)
        return new_unit or not self.unit.is_mounted()

    def remove(self) -> None:
        """Unit, mount, and what is in it."""
        store = self._store()
        self.unit.remove()
        if self.unit.is_mounted():
            raise DiskError(f"{self.unit.where} is still in use and cannot be unmounted")
        if store is not None:
            store.remove(self.name)

    def _store(self) -> Store | None:
        """Where it is kept now."""
        source = self.unit.source()
        return store_at(source) if source else None

    def freed(self, store: Store) -> int:
        """Bytes that become free when it is made anew in ``store``."""
        old = self._store()
        if old is None or old.folder == store.folder or not isinstance(old, LoopStore):
            return 0
        return old.size(self.name) or 0

    def _kept(self, old: Store) -> list[str]:
        """What it holds that outlives the slot's processes."""
        if self._spill:
            return []
        self._require_mounted(old)
        names = os.listdir(self.unit.where) if self.unit.is_mounted() else []
        return [name for name in names if name not in (*LEFT_BEHIND, "lost+found")]

    def _require_mounted(self, old: Store) -> None:
        """Its mount may have failed or been stopped: that looks empty, and need not be."""
        if self.unit.is_mounted() or old.size(self.name) is None:
            return
        if not self._host.change(f"mount {self.unit.name}"):
            return
        with contextlib.suppress(DiskError):  # told below, with what to do
            self.unit.start()
        if not self.unit.is_mounted():
            raise DiskError(
                f"the disk of {self._group}/{self._slot} cannot be mounted at {self.unit.where}, so"
                f" nobody knows what would be lost: mend what `systemctl status {self.unit.name}`"
                f" tells, or remove {old.source(self.name)} if nothing on it is needed"
            )

    def _grow(self, store: Store, size: int) -> None:
        if store.grow(self.name, size, self.unit.where):
            return
        self._host.warnings.append(
            f"the kernel does not grow {self.unit.where} in use: its slot is started anew"
        )
        self.unit.stop()
        store.resize(self.name, size)

    def _shrink(self, store: Store, size: int) -> None:
        """Its slot's processes end with the mount, if they have not ended before."""
        self.unit.stop()
        self.unit.start()
        self._empty()
        self.unit.stop()
        store.resize(self.name, size)

    def _empty(self) -> None:
        folders = [self.unit.where]
        if not self._spill:
            folders = [os.path.join(self.unit.where, name) for name in LEFT_BEHIND]
        for folder in folders:
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                path = os.path.join(folder, name)
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
