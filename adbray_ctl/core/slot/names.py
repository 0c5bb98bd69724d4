"""The names of a slot and its group on hosts."""

from __future__ import annotations

import hashlib

from adbray_ctl.core.slot.record import SlotKind

# Slots that may take the head over are called so, with a number.
STANDBY = "standby"


def unit_name(kind: SlotKind, group: str, slot: str) -> str:
    """The systemd unit of a slot."""
    instance = f"{group}.{slot}" if kind is SlotKind.WORKER else group
    return f"adbray-{kind}@{instance}.service"


def disk_name(kind: SlotKind, slot: str) -> str:
    """The directory of a slot's disk; a host has one head of a group, or one standby."""
    return str(SlotKind.HEAD) if kind is SlotKind.HEAD else slot


# As long as Linux lets a name be (useradd(8)).
_USER_MOST = 32
# Heads of groups log in as adbray-slot.
_TAKEN = ("slot",)


def user_name(group: str) -> str:
    """The Linux user that all of a group's Ray runs as: `adbray-GROUP`.

    A name that is too long, or taken, is cut and ends in eight hex digits of its SHA-256.
    """
    name = f"adbray-{group}"
    if len(name) <= _USER_MOST and group not in _TAKEN:
        return name
    digits = hashlib.sha256(group.encode()).hexdigest()[:8]
    return f"{name[: _USER_MOST - 9].rstrip('-')}-{digits}"
