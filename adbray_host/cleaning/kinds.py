"""What a file on a slot's disk is, by its way from the disk."""

from __future__ import annotations

import os
import struct

# What may be done with it: freed, freed when asked for, or nothing, with a reason.
FREE, ASK, KEEP = "free", "ask", "keep"
ET_CORE = 4
JOBS, OPERATOR, SESSION = "files of jobs", "files of an operator", "files of a session"
ENDED_LOGS = "logs of ended processes"
OWN = {
    ".reserve": "the room that adbray keeps for a start",
    "logs": "what adbray writes down here",
    "gcs": "Ray's own state",
    "lost+found": "of the file system",
}


def classed(parts: list[str], used: bool) -> tuple[str, str]:
    """What a file is by its way from the disk, and the path it is counted under."""
    if parts[0] in OWN:
        return OWN[parts[0]], parts[0]
    if parts[0] == "spill":
        return ("spilled objects", "spill") if parts[1:] else ("", "")
    if parts[0] != "tmp":
        return OPERATOR, parts[0]
    if parts[1:2] != ["ray"]:
        own = not parts[1:] or parts[1].startswith(".adbray")
        return ("", "") if own else (JOBS, "/".join(parts[:2]))
    session = "/".join(parts[:3])
    if len(parts) < 4 or not parts[2].startswith("session_2"):
        return "", ""
    if parts[3] == "logs" and len(parts) > 4:
        return ("logs in use" if used else ENDED_LOGS), session + "/logs"
    if parts[3] == "runtime_resources":
        return "packages and environments of jobs", session + "/runtime_resources"
    return SESSION, session


def is_core(folder: int, name: str) -> bool:
    """Whether a process left it when it crashed: ELF, of the type core."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return False
    try:
        head = os.read(handle, 18)
    except OSError:
        return False
    finally:
        os.close(handle)
    return head[:4] == b"\x7fELF" and struct.unpack("<H", head[16:18])[0] == ET_CORE
