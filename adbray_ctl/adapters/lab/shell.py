"""Running the machine's own tools, with their complaint in the error."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from adbray_ctl.core.errors import LabError
from adbray_ctl.core.foreign import reason_in


class Mount(NamedTuple):
    """A mount point and its file system's device ("major:minor")."""

    point: Path
    device: str


def run(*command: str, timeout_s: float = 60) -> str:
    """Standard output of ``command``. Raises LabError with what it wrote to standard error."""
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(command)}` took more than {timeout_s:g} s") from error
    if result.returncode != 0:
        detail = reason_in(result.stderr or result.stdout, f"exit status {result.returncode}")
        raise LabError(f"`{' '.join(command)}` failed: {detail}")
    return result.stdout


def succeeds(*command: str, timeout_s: float = 60) -> bool:
    """Whether ``command`` exits with 0; its output is not wanted."""
    try:
        run(*command, timeout_s=timeout_s)
    except LabError:
        return False
    return True


def read_text(path: Path) -> str:
    """The text of ``path``, or nothing where it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""


def mounts_below(path: Path) -> list[Mount]:
    """Mounts at or below ``path``, the deepest first."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        point = Path(unescaped(fields[4]))
        if point == path or path in point.parents:
            found.append(Mount(point=point, device=fields[2]))
    return sorted(found, key=lambda mount: -len(mount.point.parts))


def unescaped(text: str) -> str:
    r"""A path as it is, from a mount table, where spaces and the like are ``\040`` and so on."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
