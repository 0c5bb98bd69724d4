"""What is to be done so that the cards are cut as the slots want them."""

from __future__ import annotations

from typing import NamedTuple

from adbray_host.gpu_share.cards import Card, Instance, Refused

# Where the daemon of a card and its clients meet: roles/gpu_share/templates/mps.service.j2.
PIPES = "/run/adbray-mps/{card}/pipe"
LOGS = "/var/log/adbray-mps/{card}"


class Slice(NamedTuple):
    """What a slot, GROUP.SLOT, has: one of ``parts`` of a card. Memory in MiB."""

    slot: str
    card: int
    isolation: str
    percentage: int
    memory_mb: int
    profile: str
    parts: int

    @property
    def cut(self) -> tuple[str, str, int]:
        """What all slices of one card have in common."""
        return self.isolation, self.profile, self.parts


class Work(NamedTuple):
    """What is to be done, in this order; ``create`` has card, profile and how many."""

    destroy: list[Instance]
    disable: list[int]
    enable: list[int]
    create: list[tuple[int, str, int]]

    @property
    def actions(self) -> list[str]:
        return [
            *(f"destroy MIG {i.profile} ({i.id}) of GPU {i.card}" for i in self.destroy),
            *(f"end MIG mode of GPU {card}" for card in self.disable),
            *(f"put GPU {card} into MIG mode" for card in self.enable),
            *(
                f"create {count} MIG {profile} on GPU {card}"
                for card, profile, count in self.create
            ),
        ]


def decide(
    wanted: list[Slice], cards: dict[int, Card], instances: list[Instance], ours: set[int]
) -> Work:
    """What to do so that the cards are cut as wanted; raises Refused."""
    cuts = _cuts(wanted, cards)
    migs = {card: cut for card, cut in cuts.items() if cut[0] == "mig"}
    work = Work([], [], [], [])
    for index in sorted(ours - migs.keys()):
        work.destroy.extend(i for i in instances if i.card == index)
        if index in cards and cards[index].mig == "Enabled":
            work.disable.append(index)
    for index in sorted(cuts.keys() - migs.keys() - ours):
        if cards[index].mig == "Enabled":
            raise Refused(
                f"GPU {index} is in MIG mode, and its slots share it by MPS: end it"
                f" (nvidia-smi -i {index} -mig 0), or set isolation: mig"
            )
    for index, (_, profile, count) in sorted(migs.items()):
        here = [i for i in instances if i.card == index]
        _require_ours(index, cards[index], here, index in ours)
        if cards[index].mig == "Disabled":
            work.enable.append(index)
        work.destroy.extend(i for i in here if i.profile != profile)
        lacks = count - sum(1 for i in here if i.profile == profile)
        if lacks > 0:
            work.create.append((index, profile, lacks))
    return work


def _require_ours(index: int, card: Card, instances: list[Instance], ours: bool) -> None:
    """Raise Refused if the card cannot be cut, or others have cut it."""
    if card.mig not in ("Enabled", "Disabled"):
        raise Refused(f"GPU {index} has no MIG: set isolation: mps, or use other cards")
    if instances and not ours:
        raise Refused(
            f"GPU {index} has MIG instances that adbray did not make: remove them"
            f" (nvidia-smi mig -dci -i {index}; nvidia-smi mig -dgi -i {index}), or leave"
            " the card out of capacity.gpus in fleet.yml"
        )


def _cuts(wanted: list[Slice], cards: dict[int, Card]) -> dict[int, tuple[str, str, int]]:
    """How each card is to be cut."""
    cuts: dict[int, Slice] = {}
    for part in wanted:
        if part.card not in cards:
            raise Refused(
                f"{part.slot} has a slice of GPU {part.card}, and the driver shows"
                f" {len(cards)}: look at nvidia-smi, and at capacity.gpus in fleet.yml"
            )
        first = cuts.setdefault(part.card, part)
        if first.cut != part.cut:
            raise Refused(
                f"GPU {part.card} cannot be cut for {first.slot} ({_named(first)}) and for"
                f" {part.slot} ({_named(part)}) at once: stop the first, or apply its group"
            )
    return {card: part.cut for card, part in cuts.items()}


def _named(part: Slice) -> str:
    return f"1/{part.parts} by {part.isolation}"


def assign(slots: list[str], uuids: list[str], before: dict[str, str]) -> dict[str, str]:
    """A MIG device for each slot; a slot keeps the one it has, for it may be running there."""
    kept = {slot: before[slot] for slot in slots if before.get(slot) in uuids}
    free = [uuid for uuid in uuids if uuid not in kept.values()]
    rest = [slot for slot in slots if slot not in kept]
    if len(rest) > len(free):
        raise Refused(f"{len(slots)} slots have a MIG device each, and there are {len(uuids)}")
    return {**kept, **{slot: free[place] for place, slot in enumerate(rest)}}


def mps_environment(part: Slice, uuid: str) -> str:
    """Of a card's daemon and of its clients alike: for both the card is their device 0."""
    lines = {
        "CUDA_VISIBLE_DEVICES": uuid,
        "CUDA_MPS_PIPE_DIRECTORY": PIPES.format(card=part.card),
        "CUDA_MPS_LOG_DIRECTORY": LOGS.format(card=part.card),
        "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": part.percentage,
        "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": f"0={part.memory_mb}M",
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())
