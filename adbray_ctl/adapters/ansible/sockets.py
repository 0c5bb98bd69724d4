"""A place for the connections that a run keeps open between its tasks; they end with the run."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def connections() -> Iterator[Path]:
    """A new directory for sockets. Each run logs in itself, so each run checks the hosts' keys."""
    base = Path.home() / ".ansible" / "cp"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="", dir=base, ignore_cleanup_errors=True) as folder:
        try:
            yield Path(folder)
        finally:
            for socket in Path(folder).iterdir():
                _close(socket)


def _close(socket: Path) -> None:
    """Have the ssh behind ``socket`` end; one that has ended already is fine too."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["ssh", "-F", "/dev/null", "-O", "exit", "-o", f"ControlPath={socket}", "-"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )
