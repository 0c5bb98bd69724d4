"""Runs a command of this package on a host that may not have the package yet.

    DIGEST SIZE COMMAND ARGUMENT... CONNECTION

The control side sends this file as text. It prints whether the host has the package of that digest;
if not, it takes so many bytes of it from standard input. What is left of standard input is the
command's. The package is unpacked in memory (/run), where Python keeps its bytecode for the next
command: to compile what a command imports takes longer than most commands.
"""

from __future__ import annotations

import contextlib
import os
import sys

# Where the role host_base has one, and where this unpacks them. Root alone may look in there: what
# is below has the modes that a login's umask gives.
INSTALLED = "/usr/local/lib/adbray/adbray_host.pyz"
FOLDER = "/run/adbray-host"
_OLD_S = 7 * 86400


def installed(digest: str) -> bytes | None:
    """The package of that digest; a file that was cut off by a loss of power is none."""
    import hashlib  # noqa: PLC0415  # where the package is unpacked already, no command needs it here

    with contextlib.suppress(OSError), open(INSTALLED, "rb") as file:
        data = file.read()
        return data if hashlib.sha256(data).hexdigest().startswith(digest) else None
    return None


def take(size: int) -> bytes:
    """Read the package from standard input, byte for byte: what follows is the command's."""
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit("the connection broke")
        data += part
    return data


def unpacked(data: bytes, place: str) -> str:
    """Where it is imported from: ``place``, or a file that goes with this process.

    The latter where /run is full or not ours.
    """
    import io  # noqa: PLC0415  # as above
    import tempfile  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    try:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as new:
            whole = os.path.join(new, "whole")
            with zipfile.ZipFile(io.BytesIO(data)) as package:
                package.extractall(whole)
            os.rename(whole, place)
    except OSError:
        # Another command may have been quicker.
        if not os.path.isdir(place):
            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.flush()
                return "/proc/self/fd/%d" % os.dup(file.fileno())
    clear()
    return place


def clear() -> None:
    """Remove the versions that no command has used for a week: by a rename, so never in part."""
    import tempfile  # noqa: PLC0415  # as above
    import time  # noqa: PLC0415

    for name in os.listdir(FOLDER):
        path = os.path.join(FOLDER, name)
        with contextlib.suppress(OSError):
            if os.stat(path).st_mtime < time.time() - _OLD_S:
                with tempfile.TemporaryDirectory(dir=FOLDER) as gone:
                    os.rename(path, os.path.join(gone, name))


def main(words: list[str]) -> None:
    digest, size, *words, connection = words
    os.environ["SSH_CONNECTION"] = connection
    path = os.path.join(FOLDER, digest)
    there = os.path.isdir(path)
    data = None if there else installed(digest)
    print("has" if there or data else "lacks", flush=True)
    if there:
        with contextlib.suppress(OSError):
            os.utime(path)
    else:
        path = unpacked(data or take(int(size)), path)
    sys.path.insert(0, path)
    sys.argv = [path, *words]
    from adbray_host.__main__ import main as run  # noqa: PLC0415  # it is there only now

    sys.exit(run(words))


if __name__ == "__main__":
    main(sys.argv[1:])
