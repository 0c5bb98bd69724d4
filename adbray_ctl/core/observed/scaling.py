"""What the autoscaler on a head tells: events, and how things stand now."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.foreign import Foreign

EVENTS_FILE = "/var/lib/adbray/{group}/head/logs/scaling-events.jsonl"
# The one before, which is full.
OLD_EVENTS_FILE = "/var/lib/adbray/{group}/head/logs/scaling-events.old"
# It gives a sign of life every few seconds, but a host that hangs may hold it up.
SILENT_AFTER_S = 60.0


class _Told(BaseModel):
    # A head may run another version of the provider, which tells more.
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class ScalingEvent(_Told):
    """One thing that happened, at ``at`` (seconds since the epoch); numbers grow."""

    number: int
    at: float
    kind: str
    text: Foreign
    worker_group: str = ""
    slot: str = ""
    host: str = ""


class Waiting(_Told):
    """A demand that no worker can be started for, since when, and why."""

    demand: Foreign
    since: float
    why: Foreign


class Floor(_Told):
    """A demand of request_resources() that is met and keeps workers up, since when."""

    demand: str
    since: float


class SilentHost(_Told):
    """A host that the head cannot ask."""

    host: str
    reason: Foreign


class AsleepHost(_Told):
    """A host that is silent and has a power driver: the head wakes it when it wants it."""

    host: str


class SetAside(_Told):
    """A slot that failed and is left alone for a while; ``times`` in a row."""

    slot: str
    host: str
    times: int
    reason: Foreign


class ScalingView(_Told):
    """How things stand; ``age_s`` is how long ago that was, by the head's own clock."""

    at: float
    age_s: float = 0.0
    waiting: tuple[Waiting, ...] = ()
    floors: tuple[Floor, ...] = ()
    silent: tuple[SilentHost, ...] = ()
    asleep: tuple[AsleepHost, ...] = ()
    set_aside: tuple[SetAside, ...] = ()

    def lines(self) -> Iterator[str]:
        """What an operator should know, a sentence each."""
        for one in self.waiting:
            yield f"{one.demand} waits: {one.why}"
        for floor in self.floors:
            yield (
                f"{floor.demand} has kept workers running for {_minutes(self.at - floor.since)}"
                " and does so until a job changes it:"
                " ray.autoscaler.sdk.request_resources(num_cpus=0)"
            )
        for aside in self.set_aside:
            yield f"{aside.slot} on {aside.host} is set aside: {aside.reason}"
        for silent in self.silent:
            yield f"the head cannot reach {silent.host}: {silent.reason}"
        for asleep in self.asleep:
            yield f"{asleep.host} is asleep; the head wakes it when workers are wanted there"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def parse_events(text: str) -> tuple[ScalingEvent, ...]:
    """The events in a file; a line that was cut off is left out."""
    found = []
    for line in text.splitlines():
        try:
            found.append(ScalingEvent.model_validate(json.loads(line)))
        except ValueError:
            continue
    return tuple(found)
