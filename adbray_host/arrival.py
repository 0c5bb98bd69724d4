"""Runs a command of this package on a host that may not have the package yet.

    DIGEST SIZE COMMAND ARGUMENT... CONNECTION

The control side sends this file as text. It prints whether the host has the package of that digest;
if not, it takes so many bytes of it from standard input, and keeps them in memory (/run) for the
next command, where the role host_base has not installed it. What is left of standard input is the
command's.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import sys
import tempfile
import time

# Where the role host_base has one, and where this keeps those that came.
INSTALLED = "/usr/local/lib/adbray/adbray_host.pyz"
FOLDER = "/run/adbray-host"
NAME = "adbray_host-%s.pyz"
_OLD_S = 86400


def find(digest: str) -> int | None:
    """The package, open; a file that was cut off by a loss of power is none."""
    for path in (INSTALLED, os.path.join(FOLDER, NAME % digest)):
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            with open(handle, "rb", closefd=False) as file:
                if hashlib.sha256(file.read()).hexdigest().startswith(digest):
                    return handle
            os.close(handle)
    return None


def take(digest: str, size: int) -> int:
    """Read the package from standard input, byte for byte: what follows is the command's."""
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit("the connection broke")
        data += part
    try:
        return os.open(keep(digest, data), os.O_RDONLY)
    except OSError:
        # For this command alone, where /run is full or not ours.
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            return os.dup(file.fileno())


def keep(digest: str, data: bytes) -> str:
    """Write it down for the next command, and remove other versions after a day."""
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    path = os.path.join(FOLDER, NAME % digest)
    handle, new = tempfile.mkstemp(dir=FOLDER)
    with open(handle, "wb") as file:
        file.write(data)
    os.rename(new, path)
    for other in glob.glob(os.path.join(FOLDER, NAME % "*")):
        with contextlib.suppress(OSError):
            if os.stat(other).st_mtime < time.time() - _OLD_S:
                os.unlink(other)
    return path


def main(words: list[str]) -> None:
    digest, size, *words, connection = words
    os.environ["SSH_CONNECTION"] = connection
    handle = find(digest)
    print("lacks" if handle is None else "has", flush=True)
    handle = take(digest, int(size)) if handle is None else handle
    # By what is open: the file may be replaced or removed while the command runs.
    path = "/proc/self/fd/%d" % handle
    sys.path.insert(0, path)
    sys.argv = [path, *words]
    from adbray_host.__main__ import main as run  # noqa: PLC0415  # it is there only now

    sys.exit(run(words))


if __name__ == "__main__":
    main(sys.argv[1:])
