"""What systemd says of units, and how it spells paths."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence

# There on every host, also where /bin is a folder apart from /usr/bin.
SYSTEMCTL = "/bin/systemctl"
JOURNALCTL = "/bin/journalctl"
RUNNING = ("active", "activating", "reloading", "deactivating")
# A command line has its limit.
_AT_ONCE = 500


class SystemdError(Exception):
    """systemd gave no answer; the message says why."""


def show(
    units: Iterable[str], properties: Sequence[str], within_s: float = 20.0
) -> dict[str, dict[str, str]]:
    """The properties of each unit, by its name. Raises SystemdError.

    A unit that is not loaded has them too; one that systemd does not speak of is left out.
    """
    names, found = list(units), {}
    wanted = ",".join(dict.fromkeys(["Id", *properties]))
    for first in range(0, len(names), _AT_ONCE):
        part = names[first : first + _AT_ONCE]
        output = _output([SYSTEMCTL, "show", "--property=" + wanted, "--", *part], within_s)
        for block in output.strip().split("\n\n"):
            fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            if fields.get("Id"):
                found[fields["Id"]] = fields
    return found


def escape(path: str) -> str:
    """As ``systemd-escape --path``: '/' becomes '-', what is not [a-zA-Z0-9:_.] its hex code."""
    stripped = "/".join(part for part in path.split("/") if part)
    if not stripped:
        return "-"
    plain = "".join(_escaped(byte) for byte in stripped.encode("utf-8", "surrogateescape"))
    return "\\x2e" + plain[1:] if plain.startswith(".") else plain


def unescape(name: str) -> str:
    """The path, without its first '/', that `escape` was given."""
    slashed = name.replace("-", "/").encode()
    plain = re.sub(rb"\\x([0-9a-f]{2})", lambda code: bytes([int(code.group(1), 16)]), slashed)
    return plain.decode("utf-8", "surrogateescape")


def _escaped(byte: int) -> str:
    character = chr(byte)
    if character == "/":
        return "-"
    if character in ":_." or (byte < 128 and character.isalnum()):
        return character
    return "\\x%02x" % byte


def _output(command: list[str], within_s: float) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SystemdError("no answer within %g s" % within_s) from error
    except (OSError, subprocess.SubprocessError) as error:
        raise SystemdError("it fails (%s)" % error) from error
    if done.returncode != 0:
        complaint = (done.stderr or done.stdout).decode(errors="replace").strip()[:200]
        raise SystemdError("it fails (%s)" % (complaint or "exit status %d" % done.returncode))
    return done.stdout.decode(errors="replace")
