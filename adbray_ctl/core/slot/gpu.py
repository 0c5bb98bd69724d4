"""The arithmetic of an allocation unit of 1/n: what one worker gets of a card, and what holds it.

Memory in MiB, but for the names of MIG's profiles, which have it in GB.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

# How many instances of a profile a card has, by its model and the GiB it is sold with. Of several
# profiles that go on it as often, the one with the most memory.
# https://docs.nvidia.com/datacenter/tesla/mig-user-guide/supported-mig-profiles.html, and for
# models it does not list, deployments/systemd/config-default.yaml of NVIDIA's mig-parted.
_A100_40 = {7: "1g.5gb", 4: "1g.10gb", 3: "2g.10gb", 2: "3g.20gb"}
_80 = {7: "1g.10gb", 4: "1g.20gb", 3: "2g.20gb", 2: "3g.40gb"}
_96 = {7: "1g.12gb", 4: "1g.24gb", 3: "2g.24gb", 2: "3g.48gb"}
_MIG: Mapping[tuple[str, int], Mapping[int, str]] = {
    ("A30", 24): {4: "1g.6gb", 2: "2g.12gb"},
    ("A100", 40): _A100_40,
    ("A100", 80): _80,
    ("A800", 40): _A100_40,
    ("A800", 80): _80,
    ("H100", 80): _80,
    ("H100", 94): {**_96, 2: "3g.47gb"},
    ("H100", 96): _96,
    ("H800", 80): _80,
    ("H800", 94): {**_96, 2: "3g.47gb"},
    ("H20", 96): _96,
    ("GH200", 96): _96,
    ("H200", 141): {7: "1g.18gb", 4: "1g.35gb", 3: "2g.35gb", 2: "3g.71gb"},
    ("B200", 180): {7: "1g.23gb", 4: "1g.45gb", 3: "2g.45gb", 2: "3g.90gb"},
    ("RTX PRO 6000", 96): {4: "1g.24gb", 2: "2g.48gb"},
}
# A driver shows somewhat less memory than a card is sold with, and counts in GiB.
_NEAR_GB = 4


class Isolation(StrEnum):
    """What holds the workers that share a card to their slices of it."""

    MIG = "mig"
    """The card itself: memory, and its processors, cut into instances."""
    MPS = "mps"
    """NVIDIA's Multi-Process Service: memory and processors of each process bounded by the driver;
    a fault of one may end the others on the card."""
    NONE = "none"
    """Nothing: all see the whole card, and what one takes the others lack."""


class Card(BaseModel):
    """A kind of GPU: its name, as NVML tells it or a part of that, and its memory."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    model: str = ""
    memory_mb: int

    @property
    def text(self) -> str:
        return f"{self.model or 'a card'} ({gib(self.memory_mb)} GiB)"


class Share(BaseModel):
    """What holds one worker: ``memory_mb`` is MPS's limit, ``profile`` the MIG instance's."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    memory_mb: int = 0
    profile: str = ""


def slice_mb(card: Card, n: int) -> int:
    """1/n of the card's memory, rounded down, so that n of them are never more than it has."""
    return card.memory_mb // n


def thread_percentage(n: int) -> int:
    """What MPS is told of 1/n of the processors: whole numbers alone, rounded down."""
    return 100 // n


def share_of(card: Card | None, n: int, isolation: Isolation | None) -> Share:
    """The share of a slice that fits (``unservable`` says nothing)."""
    if card is not None and isolation is Isolation.MPS:
        return Share(memory_mb=slice_mb(card, n))
    if card is not None and isolation is Isolation.MIG:
        return Share(profile=(mig_profiles(card) or {})[n])
    return Share()


def unservable(card: Card | None, n: int, isolation: Isolation | None) -> str | None:
    """Why a host with such cards cannot carry slices of 1/n, and what it could; None if it can."""
    if n == 1 or isolation in (None, Isolation.NONE):
        return None
    if card is None:
        return (
            f"isolation {isolation} needs the card's memory, which the host does not tell:"
            " gpu_memory_gb under its capacity in fleet.yml"
        )
    if isolation is Isolation.MPS:
        return None
    profiles = mig_profiles(card)
    if profiles is None:
        return (
            f"MIG on {card.text} is not known here: gpu_model under its capacity in fleet.yml"
            f" may name another ({_known()}), or isolation: mps"
        )
    if n not in profiles:
        *most, last = (f"1/{k}" for k in sorted(profiles))
        return (
            f"MIG cuts {card.text} into {', '.join(most)} or {last}, not into 1/{n}:"
            " one of those, or isolation: mps"
        )
    return None


def mig_profiles(card: Card) -> Mapping[int, str] | None:
    """The profile by how many of it the card carries; None for a card without MIG, or unknown."""
    near = [
        (abs(gb - card.memory_mb / 1024), profiles)
        for (model, gb), profiles in _MIG.items()
        if re.search(rf"\b{model}\b", card.model, re.IGNORECASE)
    ]
    distance, profiles = min(near, key=lambda found: found[0], default=(0.0, None))
    return profiles if distance <= _NEAR_GB else None


def in_words(card: Card | None, n: int, isolation: Isolation | None) -> str:
    """The arithmetic of 1/n of ``card`` in one line."""
    what = f"1/{n} of {card.text}" if card else f"1/{n} of a card of unknown memory"
    size = f" = {gib(slice_mb(card, n))} GiB" if card else ""
    if card is not None and isolation is Isolation.MIG:
        profile = share_of(card, n, isolation).profile
        cuts, gigabytes = profile.removesuffix("gb").split("g.")
        whole = 4 if 7 not in (mig_profiles(card) or {}) else 7
        return (
            f"{what}: MIG instance {profile}, {gigabytes} GB and {cuts}/{whole} of the"
            " processors, held by the card"
        )
    if isolation is Isolation.MPS:
        return (
            f"{what}{size} and {thread_percentage(n)} % of the processors, held by MPS"
            " for each process of a worker"
        )
    return f"{what}{size}, not isolated: nothing holds a worker to it"


def gib(memory_mb: int) -> str:
    """GiB with one digit, rounded down."""
    return f"{memory_mb * 10 // 1024 / 10:g}"


def _known() -> str:
    return ", ".join(dict.fromkeys(model for model, _ in _MIG))
