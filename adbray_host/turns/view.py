"""What the starts of this host wait for, in words: for people, for the head, and for apply."""

from __future__ import annotations

import time
from typing import Any

from adbray_host import files, layout
from adbray_host.turns.queue import FOR_HEAD, RESTS, WAITS


def waits() -> dict[str, dict[str, Any]]:
    """By unit, for each that has not its turn: its ``state``, the same as a ``text``, and more.

    ``before`` is how many have their turn before it, or None; so many of its starts ``failed`` in a
    row.
    """
    shown = (files.read_json(layout.turns_view()) or {}).get("units", {})
    try:
        found = {unit: _wait(entry) for unit, entry in shown.items()}
    except (AttributeError, KeyError, TypeError):  # whatever another version wrote
        return {}
    return {unit: wait for unit, wait in found.items() if wait["text"]}


def _wait(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": entry["state"],
        "text": in_words(entry, time.monotonic()),
        "before": entry["before"] if entry["state"] == WAITS else None,
        "failed": entry["failed"],
    }


def in_words(entry: dict[str, Any], now: float) -> str:
    """Nothing for one that starts, or has said nothing yet."""
    if entry["state"] == FOR_HEAD:
        return "waiting for the head"
    if entry["state"] == RESTS:
        failed = entry["failed"]
        starts = "1 start" if failed == 1 else "%d starts" % failed
        return "starts again in %.0f s (%s failed)" % (max(entry["at"] - now, 0.0), starts)
    if entry["state"] == WAITS:
        before = "%d before it" % entry["before"] if entry["before"] else "it is next"
        return "waiting for its turn to start (%s)" % before
    return ""
