"""Who asks for a turn: the kernel and systemd say so, never the process itself."""

from __future__ import annotations

import os
import re
import socket
import struct

from adbray_host import files, layout, systemd
from adbray_host.turns.queue import DEMAND, HEAD, LEAST

_UNIT = re.compile(
    r"/(?P<unit>adbray-(?P<kind>head|worker)@(?P<group>[a-z0-9-]+)(?:\.(?P<slot>[a-z0-9-]+))?\.service)$",
    re.ASCII | re.MULTILINE,
)
_WITHIN_S = 5.0


def unit_of(link: socket.socket) -> str:
    """The unit of a head or worker that the process at the other end belongs to, or nothing."""
    size = struct.calcsize("3i")
    pid, _, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    found = _UNIT.search(files.read(os.path.join(layout.PROC, str(pid), "cgroup")))
    return found.group("unit") if found else ""


def start_of(unit: str) -> str:
    """The id of the unit's present start; nothing where systemd does not show it."""
    try:
        return os.readlink(os.path.join(layout.INVOCATIONS, "invocation:" + unit))
    except OSError:
        return ""


def rank_of(unit: str) -> int:
    """A head comes first, then what its group always has, then what work asks for."""
    found = _UNIT.search("/" + unit)
    if found is None or found.group("kind") == "head":
        return HEAD
    wanted = layout.demand_of(found.group("group"), found.group("slot") or "")
    return DEMAND if os.path.exists(wanted) else LEAST


def is_restart(unit: str) -> bool:
    """Whether systemd started it by itself, after it had ended."""
    try:
        shown = systemd.show([unit], ["NRestarts"], _WITHIN_S)
    except systemd.SystemdError:
        return True
    return shown.get(unit, {}).get("NRestarts", "0") != "0"
