"""What a group's autoscaler did and why, read from its head."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.errors import ClusterError, HostError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.scaling import (
    EVENTS_FILE,
    OLD_EVENTS_FILE,
    ScalingEvent,
    parse_events,
)
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.status import no_head
from adbray_ctl.services.tools import Tools

_LOOK_AGAIN_S = 2.0


def events(
    tools: Tools, group: str, limit: int, observed: Observed | None = None
) -> tuple[ScalingEvent, ...]:
    """The last events, oldest first. Hosts that were ``observed`` just now are not asked again.

    Raises ClusterError if the group is not applied or its head has told nothing, HostError if the
    head's host cannot be asked.
    """
    fleet = tools.specs.fleet()
    return _read(tools, fleet, _head(tools, fleet, group, observed), group, limit)


def follow(tools: Tools, group: str, limit: int) -> Iterator[ScalingEvent]:
    """The last events, and then each as it comes, until the caller stops. Raises as `events`."""
    fleet = tools.specs.fleet()
    host = _head(tools, fleet, group)
    last = 0
    while True:
        found = _read(tools, fleet, host, group, limit)
        for event in found:
            if event.number > last:
                yield event
        last = max([last, *(event.number for event in found)])
        # What comes between two looks is shown whole, however much it is.
        limit = 10_000
        tools.clock.sleep(_LOOK_AGAIN_S)


def _head(tools: Tools, fleet: Fleet, group: str, observed: Observed | None = None) -> str:
    observed = observed or tools.hosts.observe(fleet)
    leading = observed.leading(group)
    if leading is not None:
        return leading[0]
    raise no_head(tools, fleet, group, observed)


def _read(
    tools: Tools, fleet: Fleet, host: str, group: str, limit: int
) -> tuple[ScalingEvent, ...]:
    def read(path: str) -> tuple[ScalingEvent, ...]:
        text = tools.hosts.read_file(fleet, host, path.format(group=group))
        return parse_events(text.decode(errors="replace"))

    try:
        found = read(EVENTS_FILE)
    except HostError as error:
        if "No such file" not in error.what:
            raise
        raise ClusterError(
            "its autoscaler has told nothing yet",
            where=f"group {group}",
            hint=f"`adbray status {group}` tells whether the head runs;"
            f" `adbray apply {group}` brings a head of an older version up to date",
        ) from error
    if len(found) < limit:
        try:
            found = read(OLD_EVENTS_FILE) + found
        except HostError as error:
            if "No such file" not in error.what:
                raise
    return found[-limit:]
