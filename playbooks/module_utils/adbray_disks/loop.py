"""A disk as an ext4 image that is allocated in full: it works on any file system."""

from __future__ import annotations

import os

from .host import GIB, DiskError, mounted, remove_if_empty, run, slots_in


class LoopStore:
    """The images below one path, ``<path>/.images/<name>.img``."""

    kind = "ext4"
    options = "loop,nosuid,nodev,noatime"

    def __init__(self, path: str) -> None:
        self.folder = os.path.join(path, ".images")

    def source(self, name: str) -> str:
        return os.path.join(self.folder, f"{name}.img")

    def slots(self, group: str) -> set[str]:
        """Those of ``group`` with an image, or one that was never finished."""
        return slots_in(self.folder, group, ".img", ".img.new")

    def size(self, name: str) -> int | None:
        """In bytes; None where there is none."""
        image = self.source(name)
        return os.path.getsize(image) if os.path.exists(image) else None

    def needed(self, sizes: dict[str, int]) -> int:
        """Bytes that must be free for disks of these sizes."""
        return sum(size - (self.size(name) or 0) for name, size in sizes.items())

    def make(self, name: str, size: int) -> None:
        """Allocate in full, since the size is a promise, and format; the rename comes last."""
        image = self.source(name)
        temporary = f"{image}.new"
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
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

    def grow(self, name: str, size: int, where: str) -> bool:
        """While it is used at ``where``; False if the kernel wants it unmounted for that."""
        allocate(self.source(name), size)
        device = mounted(where)
        if device is None:
            self._fit(name)
            return True
        run("losetup", "--set-capacity", device)
        try:
            run("resize2fs", device)
        except DiskError as error:
            # Growing a mounted ext4 asks for CAP_SYS_RESOURCE, which a container may not have.
            if "Permission denied" not in str(error):
                raise
            return False
        return True

    def resize(self, name: str, size: int) -> None:
        """To any size that holds what is in it, while it is not mounted; the content stays."""
        image = self.source(name)
        if size < os.path.getsize(image):
            run("e2fsck", "-fp", image, accepted=(0, 1))
            run("resize2fs", image, f"{size // 1024}K")
            os.truncate(image, size)
        allocate(image, size)
        self._fit(name)

    def _fit(self, name: str) -> None:
        run("e2fsck", "-fp", self.source(name), accepted=(0, 1))  # 1: mended what it found
        run("resize2fs", self.source(name))

    def remove(self, name: str) -> None:
        for path in (self.source(name), f"{self.source(name)}.new"):
            if os.path.exists(path):
                os.unlink(path)
        remove_if_empty(self.folder)


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
