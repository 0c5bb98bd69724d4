"""The fleet's budget: what the workers of all groups may come to, if every group is at its most.

Each group's head scales by itself and knows of no other. So the budget bounds what may exist: a
slot that was never made cannot be started.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from adbray_ctl.core.errors import PlacementError
from adbray_ctl.core.slot.record import Gpu, SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet


def require_within_budget(
    fleet: Fleet,
    group: str,
    workers: Iterable[tuple[int, Gpu | None]],
    records: Iterable[tuple[str, SlotRecord]],
) -> None:
    """``workers`` are CPU cores and GPU share of each worker of ``group``, ``records`` all slots.

    Raises PlacementError when they and the other groups' workers are more than `limits` allows.
    """
    asked = list(workers)
    others = [
        (record.cpus, record.gpu)
        for _, record in records
        if record.kind is SlotKind.WORKER and record.group != group
    ]
    limits = fleet.limits
    for name, limit, own, taken in (
        ("CPU cores", limits.total_cpus, _cpus(asked), _cpus(others)),
        ("GPU cards", limits.total_gpus, _gpus(asked), _gpus(others)),
    ):
        if limit is not None and own and own + taken > limit:
            key = "total_cpus" if name == "CPU cores" else "total_gpus"
            raise PlacementError(
                f"its workers may come to {float(own):g} {name}, those of other groups to"
                f" {float(taken):g}, and limits.{key} in fleet.yml is {limit}",
                where=f"group {group}",
                hint="lower max_workers of a worker group, here or in another group,"
                f" or raise limits.{key}",
            )


def _cpus(workers: Iterable[tuple[int, Gpu | None]]) -> Fraction:
    return Fraction(sum(cpus for cpus, _ in workers))


def _gpus(workers: Iterable[tuple[int, Gpu | None]]) -> Fraction:
    return sum((Fraction(len(g.cards), g.slices) for _, g in workers if g), Fraction(0))
