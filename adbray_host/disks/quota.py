"""Project quotas of the kernel, the same calls for xfs and ext4; no program has to be there.

Numbers are those of linux/fs.h and linux/quota.h, the same on x86_64 and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct

from .host import DiskError

_GET_ATTRIBUTES, _SET_ATTRIBUTES = 0x801C581F, 0x401C5820
_ATTRIBUTES = struct.Struct("5I8x")  # flags, extent size, extents, project, CoW extent size
_INHERIT = 0x200
_QUOTACTL_FD = 443  # Linux 5.14
_GET_QUOTA, _SET_QUOTA, _PROJECT = 0x800007, 0x800008, 2
_LIMITS = struct.Struct("8QI4x")  # hard and soft limit (KiB), bytes in use, inodes, times, valid
_VALID_LIMITS = 1


def project_of(folder: str) -> int:
    """The project that what is made in ``folder`` belongs to; 0 is none."""
    flags, _, _, project, _ = _attributes(folder)
    return project if flags & _INHERIT else 0


def put_into(folder: str, project: int) -> None:
    """Make ``folder``, which is empty, and all that will be in it, part of ``project``."""
    flags, size, extents, _, cow = _attributes(folder)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        new = _ATTRIBUTES.pack(flags | _INHERIT, size, extents, project, cow)
        fcntl.ioctl(handle, _SET_ATTRIBUTES, new)
    except OSError as error:
        raise DiskError(f"{folder} cannot have a project of its own: {error.strerror}") from error
    finally:
        os.close(handle)


def limit_and_use(folder: str, project: int) -> tuple[int, int]:
    """In bytes, of ``project`` on the file system that carries ``folder``; 0 is no limit."""
    buffer = ctypes.create_string_buffer(_LIMITS.size)
    number = _quotactl(folder, _GET_QUOTA, project, buffer)
    if number == errno.ENOENT:
        return 0, 0  # xfs knows nothing of a project that nobody has used
    _require(number, folder)
    found = _LIMITS.unpack(buffer.raw)
    return found[0] * 1024, found[2]


def limit(folder: str, project: int, size: int) -> None:
    """Let ``project`` have ``size`` bytes; 0 for as many as there are."""
    values = (size // 1024, 0, 0, 0, 0, 0, 0, 0, _VALID_LIMITS)
    buffer = ctypes.create_string_buffer(_LIMITS.pack(*values), _LIMITS.size)
    _require(_quotactl(folder, _SET_QUOTA, project, buffer), folder)


def _attributes(folder: str) -> tuple[int, ...]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = fcntl.ioctl(handle, _GET_ATTRIBUTES, bytes(_ATTRIBUTES.size))
    except OSError as error:
        raise DiskError(f"the file system at {folder} has no projects: {error.strerror}") from error
    finally:
        os.close(handle)
    return _ATTRIBUTES.unpack(found)


def _quotactl(folder: str, command: int, project: int, buffer: ctypes.Array[ctypes.c_char]) -> int:
    """The kernel's errno, 0 for none."""
    library = ctypes.CDLL(None, use_errno=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        done = library.syscall(
            ctypes.c_long(_QUOTACTL_FD),
            ctypes.c_uint(handle),
            ctypes.c_uint(command << 8 | _PROJECT),
            ctypes.c_uint(project),
            buffer,
        )
    finally:
        os.close(handle)
    return ctypes.get_errno() if done else 0


def _require(number: int, folder: str) -> None:
    if number == 0:
        return
    told = {
        errno.ENOSYS: "it takes Linux 5.14 or newer",
        errno.ESRCH: "the file system must be mounted with prjquota",
    }.get(number, os.strerror(number))
    raise DiskError(f"no project quota at {folder}: {told}")
