"""What sshd on a host makes of the heads' user; it is asked, so that `Match` blocks count."""

from __future__ import annotations

import os
from typing import Any

from adbray_host import layout, programs

LISTS = ("allowusers", "denyusers", "allowgroups", "denygroups", "authorizedkeysfile")
WORDS = ("authenticationmethods", "forcecommand", "chrootdirectory", "pubkeyauthentication")
_PATIENCE_S = 5.0


def gate() -> dict[str, Any]:
    """sshd's settings for a login as the heads' user from this host's own network."""
    connection = os.environ.get("SSH_CONNECTION", "").split()
    address = connection[2] if len(connection) == 4 else "127.0.0.1"
    if programs.path_of("sshd") is None:
        return {"known": False, "why": "there is no OpenSSH sshd"}
    spec = "user=%s,host=%s,addr=%s" % (layout.SLOT_USER, address, address)
    settings = programs.run("sshd", "-T", "-C", spec, within_s=_PATIENCE_S)
    if settings.status != 0:
        why = "".join(settings.complaint.splitlines()[-1:])
        return {"known": False, "why": "`sshd -T` fails: %s" % why}
    found: dict[str, list[str]] = {}
    for line in settings.output.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).extend(value.split())
    groups = programs.output("id", "-Gn", layout.SLOT_USER, within_s=_PATIENCE_S)
    return {
        "known": True,
        "groups": groups.split() or [layout.SLOT_USER],
        "max_sessions": int((found.get("maxsessions") or ["10"])[0]),
        **{name: found.get(name, []) for name in LISTS},
        **{name: " ".join(found.get(name, [])) for name in WORDS},
    }
