"""Which slot of a worker group to start next, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adbray_ctl.provider.model import Slot, SlotState

_SHOWN = 6


def choose(
    worker_group: str,
    slots: Iterable[Slot],
    refusal: Callable[[Slot], str | None],
    last: Callable[[Slot], bool],
) -> Slot | str:
    """The first slot by number that nothing speaks against; a sentence when there is none.

    Those that ``last`` is true of are taken only where no other is left.
    """
    mine = sorted(
        (s for s in slots if s.worker_group == worker_group), key=lambda s: (last(s), s.number)
    )
    refusals: list[str] = []
    running = 0
    for slot in mine:
        if slot.state is SlotState.RUNNING:
            running += 1
            continue
        why = "is stopping" if slot.state is SlotState.STOPPING else refusal(slot)
        if why is None:
            return slot
        refusals.append(f"{slot.place} {why}")
    if not mine:
        return f"no host tells of a slot of worker group {worker_group}"
    reasons = refusals[:_SHOWN] or [f"all {running} run"]
    if len(refusals) > _SHOWN:
        reasons.append(f"{len(refusals) - _SHOWN} more")
    return f"no free slot of worker group {worker_group}: {'; '.join(reasons)}"
