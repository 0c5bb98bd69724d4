"""The project's lock on the control side: an flock'ed file that names its holder."""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adbray_ctl.core.errors import RefusedError


class LockFile:
    """Lock. The kernel frees it when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def hold(self, purpose: str) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read().strip() or "another run"
                raise RefusedError(
                    f"locked by {holder}", where=str(self._path), hint="wait until it has ended"
                ) from error
            file.truncate(0)
            file.write(f"{getpass.getuser()}@{socket.gethostname()}, pid {os.getpid()}: {purpose}")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)
