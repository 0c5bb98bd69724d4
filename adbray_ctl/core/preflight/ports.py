"""Judges whether the ports of slots are free."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject
from adbray_ctl.core.preflight.needs import HostNeeds, PortNeed
from adbray_ctl.core.preflight.readings import Check, Listener
from adbray_ctl.core.slot.ports import HEAD_PORTS, SERVE_PORTS


def ports(of: Subject) -> Iterator[Finding]:
    """The ports of a group's slots, or of all port blocks, free or held by adbray's own units."""
    strangers = [one for one in of.readings.listeners if not one.is_adbrays]
    needs = of.needs
    if needs is None or not needs.placed:
        yield _free_blocks(of, strangers)
        return
    expected = f"ports of group {needs.group} free, or held by adbray's units"
    taken = [(need, one) for need in needs.ports if (one := _holder(need, strangers)) is not None]
    if not taken:
        mine = sum(1 for one in of.readings.listeners if one.is_adbrays)
        count = sum(need.last - need.first + 1 for need in needs.ports)
        found = f"{count} ports, none held by others; adbray's units listen on {mine}"
        yield of.finding(Check.PORTS, FindingState.OK, found, expected=expected)
    for need, one in taken:
        yield of.finding(
            Check.PORTS,
            FindingState.FAIL,
            f"port {one.port} ({need.purpose} of slot {need.slot}) is held by {one.text}",
            expected=expected,
            remedy=_make_room(needs, need, one),
        )


def _free_blocks(of: Subject, strangers: list[Listener]) -> Finding:
    base, end = of.fleet.ports.base, 32768
    expected = f"ports {base} to {end - 1} free, or held by adbray's units"
    taken = {one.port: one.text for one in strangers if base <= one.port < end}
    if not taken:
        return of.finding(Check.PORTS, FindingState.OK, "none is held by others", expected=expected)
    listed = ", ".join(f"{port} by {who}" for port, who in sorted(taken.items()))
    remedy = "end these programs or give them other ports, or move `ports.base` in fleet.yml"
    return of.finding(
        Check.PORTS, FindingState.WARN, f"held: {listed}", expected=expected, remedy=remedy
    )


def _holder(need: PortNeed, strangers: list[Listener]) -> Listener | None:
    return next((one for one in strangers if need.first <= one.port <= need.last), None)


def _make_room(needs: HostNeeds, need: PortNeed, one: Listener) -> str:
    stop = f"stop {one.unit}" if one.unit else f"end {one.text}"
    if need.purpose in (*HEAD_PORTS, *SERVE_PORTS):
        return f"{stop}, or set head.ports.{need.purpose} in groups/{needs.group}.yml"
    return f"{stop}, or move `ports.base` in fleet.yml"
