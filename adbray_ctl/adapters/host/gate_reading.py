"""What sshd on a host makes of the heads' user: travels with the check.

Standard library only, Python 3.7 or newer, and it changes nothing. sshd itself is asked, so that
`Match` blocks and included files count.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

USER = "adbray-slot"
SSHD = ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd")
LISTS = ("allowusers", "denyusers", "allowgroups", "denygroups", "authorizedkeysfile")
WORDS = ("authenticationmethods", "forcecommand", "chrootdirectory", "pubkeyauthentication")
_PATIENCE_S = 5.0


def gate() -> dict[str, Any]:
    """sshd's settings for a login as the heads' user from this host's own network."""
    connection = os.environ.get("SSH_CONNECTION", "").split()
    address = connection[2] if len(connection) == 4 else "127.0.0.1"
    sshd = next((path for path in SSHD if os.access(path, os.X_OK)), "")
    if not sshd:
        return {"known": False, "why": "there is no OpenSSH sshd"}
    spec = "user=%s,host=%s,addr=%s" % (USER, address, address)
    status, text, said = _said(sshd, "-T", "-C", spec)
    if status != 0:
        return {"known": False, "why": "`sshd -T` fails: %s" % said}
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).extend(value.split())
    status, groups, _ = _said("id", "-Gn", USER)
    return {
        "known": True,
        "groups": groups.split() if status == 0 else [USER],
        "max_sessions": int((found.get("maxsessions") or ["10"])[0]),
        **{name: found.get(name, []) for name in LISTS},
        **{name: " ".join(found.get(name, [])) for name in WORDS},
    }


def _said(*command: str) -> tuple[int, str, str]:
    """Exit status, output, and the last line of what went wrong."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return -1, "", str(error)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return done.returncode, done.stdout.decode(errors="replace"), said[-1] if said else ""
