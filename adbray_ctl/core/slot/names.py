"""The names of a slot on its host."""

from __future__ import annotations

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
