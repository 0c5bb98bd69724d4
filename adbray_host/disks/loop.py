"""A disk as an ext4 image that is allocated in full: it works on any file system."""

from __future__ import annotations

import os
import struct

from .host import GIB, DiskError, mounted, remove_if_empty, run, slots_in

# Of ext4's superblock: blocks (low half), their size (2 ** (10 + n)), magic, blocks (high half).
_SUPERBLOCK, _SUPERBLOCK_AT, _MAGIC = struct.Struct("<4xI16xI28xH278xI"), 1024, 0xEF53


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
        """Bytes of its file system, fewer than the image's where growing broke off; None if none.

        Good while it is mounted: EXT4_IOC_RESIZE_FS flushes the journal before it returns.
        """
        image = self.source(name)
        if not os.path.exists(image):
            return None
        with open(image, "rb") as file:
            file.seek(_SUPERBLOCK_AT)
            data = file.read(_SUPERBLOCK.size).ljust(_SUPERBLOCK.size, b"\0")
        low, scale, magic, high = _SUPERBLOCK.unpack(data)
        if magic != _MAGIC:
            raise DiskError(
                f"{image} holds no ext4 file system: put it back as it was, or remove it, and the"
                " disk is made anew"
            )
        return int((high << 32 | low) << 10 + scale)

    def needed(self, sizes: dict[str, int]) -> int:
        """Bytes that must be free for disks of these sizes."""
        images = {name: self.source(name) for name in sizes}
        here = {name: os.path.getsize(i) for name, i in images.items() if os.path.exists(i)}
        return sum(size - here.get(name, 0) for name, size in sizes.items())

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
        device = mounted(where)
        if device is None:
            self.resize(name, size)
            return True
        allocate(self.source(name), size)
        run("losetup", "--set-capacity", device)
        try:
            run("resize2fs", device, f"{size // 1024}K")
        except DiskError as error:
            # Growing a mounted ext4 asks for CAP_SYS_RESOURCE, which a container may not have.
            if "Permission denied" not in str(error):
                raise
            return False
        return True

    def resize(self, name: str, size: int) -> None:
        """To any size that holds what is in it, while it is not mounted; the content stays."""
        image = self.source(name)
        allocate(image, size)
        run("e2fsck", "-fp", image, accepted=(0, 1))  # 1: mended what it found
        run("resize2fs", image, f"{size // 1024}K")
        os.truncate(image, size)

    def remove(self, name: str) -> None:
        for path in (self.source(name), f"{self.source(name)}.new"):
            if os.path.exists(path):
                os.unlink(path)
        remove_if_empty(self.folder)


def allocate(path: str, size: int) -> None:
    """Make ``path`` at least ``size`` bytes long with every block allocated."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    before = os.fstat(handle).st_size
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        os.ftruncate(handle, before)  # a full file system gives a part
        asked = f"{size / GIB:g} GB for {path}"
        raise DiskError(f"cannot allocate {asked}: {error.strerror}") from error
    finally:
        os.close(handle)
