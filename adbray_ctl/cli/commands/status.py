"""`adbray status` and `adbray addresses`."""

from __future__ import annotations

import click

from adbray_ctl.cli.params import GROUP, Seconds
from adbray_ctl.cli.render.scaling import print_events
from adbray_ctl.cli.render.screen import clear, print_json, print_json_line, say
from adbray_ctl.cli.render.tables import print_addresses, print_status
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import ClusterError, HostError, HostKeyError
from adbray_ctl.core.observed.scaling import ScalingEvent
from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.services import scaling
from adbray_ctl.services import status as service

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_EVENTS_BELOW = 8
_LOGS = "`adbray logs GROUP NODE` shows a node's logs"
_AWAY = "bring the host back, or give it up with `retired: true` in fleet.yml"


@click.command(
    epilog="Examples:\n\n  adbray status analytics --json\n\n  adbray status analytics --watch",
    short_help="Show what runs, and where.",
)
@click.argument("group", type=GROUP, required=False)
@click.option("-w", "--watch", is_flag=True, help="Show it again every few seconds.")
@click.option(
    "--every",
    "every_s",
    default=2.0,
    show_default=True,
    type=Seconds(0.5, 3600),
    help="With --watch: seconds between two looks.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch, a line each time.")
@pass_state
def status(state: State, group: str | None, *, watch: bool, every_s: float, as_json: bool) -> None:
    """Show GROUP (default: all groups) slot by slot: host, size, state, ports.

    The exit code is 0 if every group that is shown is ready, and 1 if one is not, is not applied,
    or may have nodes on a host that gives no answer. With --watch and GROUP, its last events are
    below; it ends with Ctrl-C.
    """
    named = (group,) if group else ()
    if not watch:
        found = service.status(state.tools, named)
        if as_json:
            print_json(found[0] if group else found)
        else:
            _show(found)
        _require_ready(found)
        return
    while True:
        look = service.look(state.tools, named)
        if as_json:
            for one in look.groups:
                print_json_line(one)
        else:
            events = _events(state, group, look) if group else ()
            clear()
            _show(look.groups)
            say("")
            print_events(events)
        state.tools.clock.sleep(every_s)


def _require_ready(found: tuple[GroupStatus, ...]) -> None:
    """Raise ClusterError, or HostError, that names each group that is not ready, and why."""
    unready = [one for one in found if not one.ready]
    if unready:
        hint = _LOGS if all(one.slots for one in unready) else "`adbray apply` makes it"
        hint = hint if all(one.complete for one in unready) else _AWAY
        raise ClusterError("\n".join(f"group {o.group}: {_why(o)}" for o in unready), hint=hint)
    hidden = [one.group for one in found if not one.complete]
    if hidden:
        raise HostError(
            f"incomplete: a host that gives no answer may hold nodes of {', '.join(hidden)}",
            hint=_AWAY,
        )


def _why(one: GroupStatus) -> str:
    if one.slots and one.complete:
        return "not ready"
    if one.slots:
        return f"not ready; a host that gives no answer may hold nodes of {one.group}"
    return "not applied" if one.complete else "not seen; it may be on a host that gives no answer"


def _events(state: State, group: str, look: service.Look) -> tuple[ScalingEvent, ...]:
    """None while the head's host is silent or has told none: the status says what is wrong."""
    try:
        return scaling.events(state.tools, group, _EVENTS_BELOW, look.observed)
    except HostKeyError:
        raise
    except (ClusterError, HostError):
        return ()


def _show(found: tuple[GroupStatus, ...]) -> None:
    for one in found:
        print_status(one)
    if not found:
        say("no groups")


@click.command(short_help="Show the addresses of a group.")
@click.argument("group", type=GROUP)
@_JSON
@pass_state
def addresses(state: State, group: str, as_json: bool) -> None:
    """Show where GROUP's dashboard, Ray client, GCS and Ray Serve are reached."""
    found = service.addresses(state.tools, group)
    if as_json:
        print_json(found)
    else:
        print_addresses(found)
