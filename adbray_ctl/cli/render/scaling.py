"""What the autoscaler told, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from adbray_ctl.cli.render.screen import Text, say
from adbray_ctl.cli.render.tables import when
from adbray_ctl.core.observed.scaling import ScalingEvent

_STYLES = {
    "start": "green",
    "join": "green",
    "back": "green",
    "blocked": "yellow",
    "end": "yellow",
    "fault": "red",
    "silent": "red",
}


def print_event(event: ScalingEvent) -> None:
    """When, what kind, and what happened."""
    line = Text(f"{when(event.at)}  ", "dim")
    line.append(f"{event.kind:<8}", _STYLES.get(event.kind, ""))
    say(line.append(event.text))


def print_events(events: Sequence[ScalingEvent]) -> None:
    """Events, oldest first."""
    for event in events:
        print_event(event)
