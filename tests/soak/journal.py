"""When units began and ended on a host by systemd's own word, past adbray and the network."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.e2e.conftest import inside

# SD_MESSAGE_UNIT_STARTED, UNIT_SUCCESS and UNIT_FAILURE_RESULT of systemd's sd-messages.h.
_STARTED = "39f53479d3a045ac8e11786248231fbf"
_ENDED = {"7ad2d189f7e94e70a38c781354912448", "d9b373ed55a64feb8242e02dbe79a49c"}
_FIELDS = "UNIT,MESSAGE_ID,INVOCATION_ID,_SOURCE_REALTIME_TIMESTAMP"


@dataclass(frozen=True)
class Ran:
    """One start of a unit, in seconds since the epoch; ``end`` is None of one that runs on."""

    host: str
    unit: str
    id: str
    start: float
    end: float | None

    def seconds(self, first: float, last: float) -> float:
        """For how long it ran between the two."""
        return max(0.0, min(self.end or last, last) - max(self.start, first))


def starts(host: str, init: int, prefix: str) -> list[Ran]:
    """All starts since that host has booted of units whose names begin with ``prefix``."""
    told = inside(init, f"journalctl -b -q -o json --output-fields={_FIELDS} _PID=1")
    entries = map(json.loads, told.splitlines())
    return _paired(host, (one for one in entries if one.get("UNIT", "").startswith(prefix)))


def _paired(host: str, entries: Iterable[dict[str, str]]) -> list[Ran]:
    began: dict[str, tuple[str, float]] = {}
    ended: dict[str, float] = {}
    for entry in entries:
        at = int(entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"])) / 1e6
        kind, which = entry.get("MESSAGE_ID", ""), entry.get("INVOCATION_ID", "")
        if kind == _STARTED:
            began[which] = (entry["UNIT"], at)
        elif kind in _ENDED:
            ended[which] = at
    return [Ran(host, unit, i, start, ended.get(i)) for i, (unit, start) in began.items()]


def moment(init: int, unit: str, name: str) -> float:
    """A timestamp that systemd has of a unit, such as InactiveEnterTimestamp."""
    told = inside(init, f"systemctl show --timestamp=us+utc -P {name} {unit}")
    stamp = " ".join(told.split()[1:3])
    return datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC).timestamp()
