"""Whether what holds secrets is its user's alone."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from adbray_ctl.core.errors import UsageError

# For anyone, as public keys are.
_PUBLIC = ".pub"
OTHERS, ALL_BUT_OWNER = 0o007, 0o077


def require_private(state: Path) -> None:
    """Look through ``state``, the directory `.adbray`, which need not be there.

    Raises UsageError for the first thing in it that belongs to another user, or that others could
    change; for the first secret that others can read.
    """
    for path, closed_to in _things(state):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        if found.st_uid != os.geteuid():
            raise UsageError(
                f"it belongs to {_name(found.st_uid)}, and adbray runs as {_name(os.geteuid())}",
                where=str(path),
                hint=f"run adbray as {_name(found.st_uid)}, or give {state} to"
                f" {_name(os.geteuid())} (chown -R) if you trust what is in it",
            )
        if stat.S_IMODE(found.st_mode) & closed_to:
            what = "others can change it" if closed_to == stat.S_IWOTH else "others can read it"
            raise UsageError(
                f"{what} (mode {stat.S_IMODE(found.st_mode):04o})",
                where=str(path),
                hint=f"chmod -R go-rwx {state}; if others may have used it, replace its secrets",
            )


def _things(state: Path) -> Iterator[tuple[Path, int]]:
    """What to look at, each with the bits of its mode that must not be set."""
    yield state, stat.S_IWOTH
    yield state / "known_hosts", stat.S_IWOTH
    secrets = state / "secrets"
    yield secrets, ALL_BUT_OWNER
    for folder, folders, files in os.walk(secrets):
        for name in sorted((*folders, *files)):
            if not name.endswith(_PUBLIC):
                yield Path(folder, name), ALL_BUT_OWNER


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
