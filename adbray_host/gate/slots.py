"""The worker slots of a group on this host, and what runs in them."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable
from typing import Any

from adbray_host import layout, systemd
from adbray_host.turns import view
from adbray_host.turns.queue import FOR_HEAD

SLOT = re.compile(r"[a-z][a-z0-9-]{0,31}-[0-9]{1,5}", re.ASCII)
# systemd stops a worker within 15 s (TimeoutStopSec) and starts one within a few.
SYSTEMD_S = 45
SHOWN = ("LoadState", "ActiveState", "SubState", "InvocationID", "NRestarts", "Result")
RUNNING = ("active", "activating", "reloading")


class Refused(Exception):
    """The request is not carried out; the text says why."""


def slots_of(group: str, only: str | None = None) -> dict[str, str]:
    """The worker group of each of the group's worker slots, or of one, as their records say.

    Raises Refused for a record that cannot be read: a slot that is left out would count as gone,
    and be started on another host.
    """
    found: dict[str, str] = {}
    folder = os.path.join(layout.ETC, group)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return found
    for name in sorted(names):
        slot, suffix = os.path.splitext(name)
        if suffix != ".json" or not SLOT.fullmatch(slot) or only not in (None, slot):
            continue
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                record = json.load(file)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise Refused(f"{os.path.join(folder, name)} cannot be read: {error}") from error
        if (record.get("kind"), record.get("group"), record.get("slot")) == ("worker", group, slot):
            found[slot] = str(record.get("worker_group"))
    return found


def unit_of(group: str, slot: str) -> str:
    return layout.unit_of("worker", group, slot)


def states(group: str, slots: Iterable[str]) -> dict[str, dict[str, str]]:
    """What systemd says of each slot's unit, by slot."""
    units = {unit_of(group, slot): slot for slot in slots}
    try:
        shown = systemd.show(units, SHOWN, SYSTEMD_S)
    except systemd.SystemdError as error:
        raise Refused(f"systemd does not say what runs: {error}") from error
    return {units[unit]: fields for unit, fields in shown.items() if unit in units}


def listed(group: str, only: str | None = None) -> list[dict[str, Any]]:
    """The answer to `list`, or one slot's part of it."""
    slots = slots_of(group, only)
    known, waits = states(group, slots), view.waits()
    return [
        dict(
            described(group, slot, slots[slot], known.get(slot, {})),
            waits=waited_for(waits.get(unit_of(group, slot))),
        )
        for slot in slots
    ]


def waited_for(wait: dict[str, Any] | None) -> str:
    """What keeps a start waiting; nothing of one that cannot reach its head, which asks this."""
    return "" if wait is None or wait["state"] == FOR_HEAD else str(wait["text"])


def described(group: str, slot: str, worker_group: str, fields: dict[str, str]) -> dict[str, Any]:
    active = fields.get("ActiveState", "")
    state = "stopped"
    if active in RUNNING:
        state = "running"
    elif active == "deactivating":
        state = "stopping"
    detail = ""
    if fields.get("LoadState") != "loaded":
        detail = f"{unit_of(group, slot)} is {fields.get('LoadState') or 'unknown'}"
    elif fields.get("Result", "success") != "success":
        detail = f"its unit ended with {fields['Result']}"
    return {
        "slot": slot,
        "worker_group": worker_group,
        "state": state,
        "start": fields.get("InvocationID", "") if state != "stopped" else "",
        "restarts": int(fields.get("NRestarts") or 0),
        "held": is_held(group, slot),
        "detail": detail,
    }


def is_held(group: str, slot: str) -> bool:
    """Whether an operator keeps the slot back: a file that says until when."""
    return is_before(layout.hold_of(group, slot))


def card_fault(group: str, slot: str) -> str:
    """What the watch of the role gpu found wrong with a slot's cards; nothing without such a watch.

    A worker would only fail there, and Ray would hand it the next task.
    """
    try:
        with open(layout.record_of(group, slot), encoding="utf-8") as file:
            cards = (json.load(file).get("gpu") or {}).get("cards", [])
        with open(os.path.join(layout.RUN, "gpus.json"), encoding="utf-8") as file:
            found = json.load(file)["found"]
        bad = [card for card in found if card["index"] in cards and card["faults"]]
        return "; ".join(f"GPU {card['index']}: {', '.join(card['faults'])}" for card in bad)
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def is_before(path: str) -> bool:
    """Whether it is earlier than the time (seconds since the epoch) that a file holds."""
    try:
        with open(path, encoding="ascii") as file:
            return float(file.read(32)) > time.time()
    except (OSError, ValueError):
        return False
