"""Why a slot fits on no host, and what would help."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from adbray_ctl.core.errors import PlacementError
from adbray_ctl.core.placement.ledger import OWN_HEAD, HostLedger
from adbray_ctl.core.placement.topology import Placement
from adbray_ctl.core.placement.wanted import Wanted
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.hosts import Selector


def refusals_of(fleet: Fleet, want: Wanted, ledgers: Mapping[str, HostLedger]) -> Mapping[str, str]:
    """Why each host cannot take the slot."""
    refusals = {}
    for name, ledger in ledgers.items():
        if not want.selector.admits(fleet.host(name)):
            refusals[name] = f"not selected by {_selector_text(want.selector)}"
        else:
            refusals[name] = ledger.why_not(want.request) or ""
    return refusals


def _selector_text(selector: Selector) -> str:
    parts = [f"names {', '.join(selector.names)}"] if selector.names else []
    parts += [f"label {key}={value}" for key, value in selector.labels.items()]
    return " and ".join(parts)


def no_host_for(
    spec: RayClusterSpec,
    want: Wanted,
    refusals: Mapping[str, str],
    placed: Mapping[str, Placement],
) -> PlacementError:
    lines = [f"slot {want.slot} ({want.request.text}) fits on no host"]
    lines += [f"    {host}: {why}" for host, why in refusals.items()]
    fits = sum(1 for p in placed.values() if p.worker_group == want.worker_group)
    hint = _way_out(want, tuple(refusals.values()), fits)
    return PlacementError("\n".join(lines), where=f"group {spec.name}", hint=hint)


def _way_out(want: Wanted, reasons: Collection[str], fits: int) -> str:
    """What would help; ``fits`` is how many of the slot's worker group have a host."""
    if all(why == "retired in fleet.yml" for why in reasons):
        return "add a host, or take retired from one in fleet.yml"
    if any(OWN_HEAD not in why and why.startswith("port ") for why in reasons):
        return "give the group other ports (head.ports in its file)"
    if want.sentinel:
        return "widen redis.hosts, lower redis.maxmemory_mb, or add a host: Sentinel needs three"
    if want.kind is SlotKind.REDIS:
        return "lower redis.maxmemory_mb, widen redis.hosts, or add a host"
    if want.slot != "head" and want.kind is SlotKind.HEAD:
        return "lower head.standby, widen head.hosts, or add a host"
    if want.kind is SlotKind.HEAD:
        return "choose a smaller head.size or head.disk_gb, widen head.hosts, or add a host"
    if fits:
        return (
            f"lower max_workers of worker group {want.worker_group} to {fits},"
            f" choose a smaller size, or add a host with {want.request.text} free"
        )
    return (
        f"choose a smaller size or disk for worker group {want.worker_group},"
        f" widen its selector, or add a host with {want.request.text} free"
    )
