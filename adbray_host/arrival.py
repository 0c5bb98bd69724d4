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

# The role host_base installs it in the first.
FOLDERS = ("/usr/local/lib/adbray", "/run/adbray-host")
NAME = "adbray_host-%s.pyz"
_OLD_S = 86400


def find(digest: str) -> str | None:
    """The path of the package; a file that was cut off by a loss of power is none."""
    for folder in FOLDERS:
        path = os.path.join(folder, NAME % digest)
        try:
            with open(path, "rb") as file:
                if hashlib.sha256(file.read()).hexdigest().startswith(digest):
                    return path
        except OSError:
            continue
    return None


def take(digest: str, size: int) -> str:
    """Read the package from standard input, byte for byte: what follows is the command's."""
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit("the connection broke")
        data += part
    try:
        return keep(digest, data)
    except OSError:
        # For this command alone, where /run is full or not ours.
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            return "/proc/self/fd/%d" % os.dup(file.fileno())


def keep(digest: str, data: bytes) -> str:
    """Write it down for the next command, and let those of other versions go after a day."""
    folder = FOLDERS[-1]
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, NAME % digest)
    handle, new = tempfile.mkstemp(dir=folder)
    with open(handle, "wb") as file:
        file.write(data)
    os.rename(new, path)
    drop_old(folder, path, time.time() - _OLD_S)
    return path


def drop_old(folder: str, kept: str, before: float) -> None:
    """Remove what is older, but for ``kept`` and what a process runs."""
    running = commands()
    for path in glob.glob(os.path.join(folder, NAME % "*")):
        if path != kept and os.path.basename(path)[len("adbray_host-") : -4] not in running:
            with contextlib.suppress(OSError):
                if os.stat(path).st_mtime < before:
                    os.unlink(path)


def commands() -> str:
    """The command lines of all processes."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, errors="replace") as file:
            found.append(file.read())
    return "\n".join(found)


def main(words: list[str]) -> None:
    digest, size, *words, connection = words
    os.environ["SSH_CONNECTION"] = connection
    path = find(digest)
    print("has" if path else "lacks", flush=True)
    path = path or take(digest, int(size))
    sys.path.insert(0, path)
    sys.argv = [path, *words]
    from adbray_host.__main__ import main as run  # noqa: PLC0415  # it is there only now

    sys.exit(run(words))


if __name__ == "__main__":
    main(sys.argv[1:])
