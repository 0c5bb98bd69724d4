"""The account of one host's cards: which are whole, which are in slices, and what is free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from adbray_ctl.core.slot.gpu import Isolation


class Cut(NamedTuple):
    """What all slots on a card have in common: each has 1/``slices`` of it, held by isolation.

    ``group`` is whose they are where that matters: MPS serves one user at a time.
    """

    slices: int
    isolation: Isolation | None
    group: str = ""

    @property
    def owned(self) -> str:
        return f" for group {self.group}" if self.group else ""


class CardLedger:
    """Running account of ``total`` cards; ``book`` is its only change."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._cuts: dict[int, list[Cut]] = {}

    @property
    def text(self) -> str:
        """What is in use; a card is whole, or in slices of one kind."""
        text = f"{self._total} in the host, {len(self._cuts)} in use"
        cut = [
            f"{len(cuts)} of {cuts[0].slices} slices by {cuts[0].isolation or Isolation.NONE}"
            f" on GPU {card}{cuts[0].owned}"
            for card, cuts in sorted(self._cuts.items())
            if cuts[0].slices > 1
        ]
        return ", ".join([text, *cut])

    def book(self, cards: Iterable[int], cut: Cut) -> None:
        for card in cards:
            self._cuts.setdefault(card, []).append(cut)

    def open_for(self, cut: Cut) -> list[int]:
        """Cards that can take one more share, half-used ones first so that slices pack."""
        shared, empty = [], []
        for card in range(self._total):
            used = self._cuts.get(card, [])
            if not used:
                empty.append(card)
            elif set(used) == {cut} and len(used) < cut.slices:
                shared.append(card)
        return shared + empty

    def free_for(self, cut: Cut, count: int) -> tuple[int, ...]:
        """As many of them as are asked for; none where there are fewer."""
        cards = tuple(self.open_for(cut)[:count])
        return cards if len(cards) == count else ()
