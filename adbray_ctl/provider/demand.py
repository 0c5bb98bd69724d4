"""What tasks, actors and placement groups wait for, whom it fits, and what blocks it.

Ray decides; this only explains, by the same rules: resources and labels of a whole worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

_GIB = 1024**3
_BYTES = ("memory", "object_store_memory")


@dataclass(frozen=True)
class Rule:
    """A rule on one label of a node: its value is (``wanted``) or is not one of ``values``."""

    key: str
    values: tuple[str, ...]
    wanted: bool = True

    def admits(self, labels: Mapping[str, str]) -> bool:
        return (labels.get(self.key) in self.values) is self.wanted

    def __str__(self) -> str:
        return f"{self.key}{'=' if self.wanted else '!='}{'|'.join(self.values)}"


@dataclass(frozen=True)
class Shape:
    """What one task, actor or bundle asks for; memory in bytes.

    ``choices`` are sets of rules of which one has to be met whole; none means any node will do.
    """

    resources: tuple[tuple[str, float], ...]
    choices: tuple[tuple[Rule, ...], ...] = ()

    def __str__(self) -> str:
        parts = []
        for name, amount in self.resources:
            of_memory = name in _BYTES
            size = f"{amount / _GIB:.3g} GiB" if of_memory else f"{amount:g}"
            parts.append(f"{size} {name}")
        parts += [" or ".join(",".join(map(str, rules)) for rules in self.choices)]
        return ", ".join(part for part in parts if part) or "nothing"


@dataclass(frozen=True)
class Demand:
    """``count`` of the same; ``of`` says what kind of thing asks.

    ``never`` says that what it belongs to, a whole placement group or a whole floor, is more than
    all workers there may be can hold.
    """

    shape: Shape
    count: int
    of: str = "tasks or actors"
    never: bool = False

    def __str__(self) -> str:
        return f"{self.count} x ({self.shape}) for {self.of}"


@dataclass(frozen=True)
class Offer:
    """What one worker of a worker group offers, and how many may run; memory in bytes.

    ``least`` is how many always run.
    """

    resources: Mapping[str, float]
    labels: Mapping[str, str]
    most: int
    least: int = 0

    def why_not(self, shape: Shape) -> str | None:
        """Why a worker does not do, even an empty one; None when it does."""
        for name, amount in shape.resources:
            if amount > self.resources.get(name, 0):
                has = self.resources.get(name, 0)
                size = f"{has / _GIB:.3g} GiB" if name in _BYTES else f"{has:g}"
                return f"has {size} {name}"
        if shape.choices and not any(
            all(rule.admits(self.labels) for rule in rules) for rules in shape.choices
        ):
            return f"has not {' or '.join(','.join(map(str, rules)) for rules in shape.choices)}"
        return None


@dataclass(frozen=True)
class Blocked:
    """Why a demand is not met by a new worker; ``kinds`` is the same as long as the reason is."""

    why: str
    kinds: tuple[tuple[str, str], ...]


def blocked(
    demand: Demand,
    offers: Mapping[str, Offer],
    running: Mapping[str, int],
    no_slot: Callable[[str], str | None],
    living: Mapping[str, Offer],
) -> Blocked | None:
    """What keeps Ray from starting a worker for ``demand``; None where one can be started.

    ``running`` counts workers by worker group, with those that are starting. ``no_slot`` says why a
    worker group has no free slot. ``living`` is what each node offers: its own address, too.
    """
    unfit = {name: why for name, offer in offers.items() if (why := offer.why_not(demand.shape))}
    fit = [name for name in offers if name not in unfit]
    if not fit:
        return _fits_none(demand, unfit, living)
    if demand.never:
        return Blocked("it does not fit even if max_workers workers run", (("", "whole"),))
    whys, kinds = [], []
    for name in fit:
        if running.get(name, 0) >= offers[name].most:
            whys.append(f"{name} runs all of its max_workers ({offers[name].most})")
            kinds.append((name, "max"))
        elif why := no_slot(name):
            whys.append(why)
            kinds.append((name, "slot"))
        else:
            return None
    return Blocked("; ".join(whys), tuple(kinds))


def _fits_none(demand: Demand, unfit: Mapping[str, str], living: Mapping[str, Offer]) -> Blocked:
    here = [name for name, offer in living.items() if offer.why_not(demand.shape) is None]
    if here and not demand.never:
        return Blocked(f"fits only {', '.join(here)}, with no room now", (("", "turn"),))
    whys = "; ".join(f"{name} {why}" for name, why in unfit.items()) or "there is none"
    return Blocked(f"fits no worker group: {whys}", (("", "unfit"),))
