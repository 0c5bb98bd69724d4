"""What a plan tells of allocation units: for each worker group of slices, the arithmetic."""

from __future__ import annotations

from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.slot.gpu import in_words


def unit_lines(topology: Topology) -> tuple[str, ...]:
    """One line for each worker group and kind of card that its slices are of."""
    lines = (
        f"{p.worker_group}: {in_words(p.card, p.gpu.slices, p.gpu.isolation)}"
        for p in topology.workers
        if p.gpu is not None and p.gpu.slices > 1
    )
    return tuple(dict.fromkeys(lines))
