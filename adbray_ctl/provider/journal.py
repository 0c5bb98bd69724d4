"""What the autoscaler did and why, in files on the head's disk that `adbray` reads."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

EVENTS = "scaling-events.jsonl"
VIEW = "scaling.json"
# Two files of this size hold some thousand events.
LONGEST_FILE = 256 * 1024
# How often the view is written when nothing changes: a reader takes it for a sign of life.
ALIVE_S = 5.0


class Kind(str, Enum):  # noqa: UP042  # a head may run Python 3.10, which has no StrEnum
    HEAD = "head"
    BLOCKED = "blocked"
    FLOOR = "floor"
    LAUNCH = "launch"
    START = "start"
    JOIN = "join"
    STOP = "stop"
    END = "end"
    FAULT = "fault"
    SILENT = "silent"
    BACK = "back"
    WAKE = "wake"
    SLEEP = "sleep"


@dataclass(frozen=True)
class Event:
    """Something that happened, to a slot, a host or a worker group."""

    kind: Kind
    text: str
    worker_group: str = ""
    slot: str = ""
    host: str = ""


class Journal:
    """Thread-safe. A disk that cannot be written is no reason not to scale: it is logged."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._events = folder / EVENTS
        self._view = folder / VIEW
        self._clock = clock
        self._lock = threading.Lock()
        self._number = self._last_number()
        self._shown = ""
        self._shown_at = 0.0

    def write(self, event: Event) -> None:
        """Add one line: the event, its number, and when it was (seconds since the epoch)."""
        logger.info("%s: %s", event.kind.value, event.text)
        with self._lock:
            self._number += 1
            line = {"number": self._number, "at": round(self._clock(), 3), **asdict(event)}
            try:
                if self._events.exists() and self._events.stat().st_size > LONGEST_FILE:
                    self._events.replace(self._events.with_suffix(".old"))
                with self._events.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            except OSError as error:
                logger.warning("cannot write %s: %s", self._events, error)

    def show(self, view: Mapping[str, Any]) -> None:
        """Keep how things stand now, where that differs or was last written a while ago."""
        text, now = json.dumps(view), self._clock()
        with self._lock:
            if text == self._shown and 0 <= now - self._shown_at < ALIVE_S:
                return
            new = self._view.with_suffix(".new")
            try:
                new.write_text(json.dumps({"at": round(now, 3), **view}), encoding="utf-8")
                new.replace(self._view)
            except OSError as error:
                logger.warning("cannot write %s: %s", self._view, error)
                return
            self._shown, self._shown_at = text, now

    def _last_number(self) -> int:
        for path in (self._events, self._events.with_suffix(".old")):
            try:
                last = path.read_text(encoding="utf-8").splitlines()[-1]
                return int(json.loads(last)["number"])
            except (OSError, ValueError, IndexError, KeyError, TypeError):
                continue
        return 0
