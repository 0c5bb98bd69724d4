"""Findings about a group as a whole: whether its slots find a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adbray_ctl.core.preflight.findings import GROUP_WIDE, Finding, FindingState
from adbray_ctl.core.preflight.needs import HostNeeds
from adbray_ctl.core.preflight.readings import Check
from adbray_ctl.core.spec.group import RayClusterSpec


def unplaced(spec: RayClusterSpec, silent: Sequence[str]) -> Finding:
    """Placement cannot be told while a host that may carry slots is silent."""
    return Finding(
        host=GROUP_WIDE,
        check=Check.PLACEMENT,
        state=FindingState.SKIPPED,
        found=f"where the slots of group {spec.name} come is not known while"
        f" {', '.join(silent)} gives no answer",
        expected="every host answers",
        remedy="mend that host first; ports, disk and memory of the slots are not checked",
    )


def does_not_fit(spec: RayClusterSpec, what: str, hint: str) -> Finding:
    """The group fits nowhere; ``what`` and ``hint`` are the PlacementError's."""
    return Finding(
        host=GROUP_WIDE,
        check=Check.PLACEMENT,
        state=FindingState.FAIL,
        found=what,
        expected=f"every slot of group {spec.name} fits on a host",
        remedy=hint,
    )


def placed(spec: RayClusterSpec, needs: Mapping[str, HostNeeds]) -> Finding:
    """Which host gets which slots."""
    return Finding(
        host=GROUP_WIDE,
        check=Check.PLACEMENT,
        state=FindingState.OK,
        found="; ".join(f"{host}: {', '.join(need.slots)}" for host, need in needs.items()),
        expected=f"every slot of group {spec.name} fits on a host",
    )
