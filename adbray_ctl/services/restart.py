"""Restart: nodes of a group once more, though nothing about them differs."""

from __future__ import annotations

from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.services.change import Change, change
from adbray_ctl.services.nodes import named
from adbray_ctl.services.plan import prepare
from adbray_ctl.services.tools import Tools


def restart(
    tools: Tools, group: str, names: tuple[str, ...], consent: Consent, console: Console
) -> None:
    """Restart the nodes that ``names`` mean, and refuse if the spec asks for more than that.

    Raises UsageError for a name of no node, and what ``change`` does.
    """
    with tools.lock.hold(f"restart {group}"):
        prepared = prepare(tools, group)
        wanted = Change(group=group, command="restart", restart=named(prepared, names))
        change(tools, wanted, consent, console, observed=prepared.observed)
