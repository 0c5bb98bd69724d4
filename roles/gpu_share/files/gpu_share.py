#!/usr/bin/python3
"""Cuts this host's GPUs into what its slots have of them, and tells each slot which part it has.

    gpu_share ensure [--check]

Run as root, by the role gpu_share and at boot, since MIG's instances do not outlive one. What is
wanted is in ETC, a file a slot. For each slot it writes the environment of its unit to RUN, and for
each card under MPS that of its daemon. It prints what it changed as JSON, or on standard error what
stands in the way. Standard library only.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

ETC = "/etc/adbray/.gpu"
RUN = "/run/adbray-gpu"
# Where the daemon of a card and its clients meet: roles/gpu_share/templates/mps.service.j2.
PIPES = "/run/adbray-mps/{card}/pipe"
LOGS = "/var/log/adbray-mps/{card}"
CLIENT = "/usr/local/libexec/adbray/cuda_client"
# The cards that were put into MIG mode here: others' instances are left alone.
OURS = "mig.json"


class Refused(Exception):
    """Why the cards cannot be cut as wanted, and what to do."""


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


class Card(NamedTuple):
    """A card as its driver shows it; ``mig`` is Enabled, Disabled, or anything else without MIG."""

    number: int
    uuid: str
    mig: str


class Instance(NamedTuple):
    """A GPU instance of MIG."""

    card: int
    profile: str
    id: int


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


# --- what nvidia-smi prints


def parse_cards(text: str) -> dict[int, Card]:
    """Of --query-gpu=index,uuid,mig.mode.current --format=csv,noheader."""
    rows = (line.split(", ") for line in text.splitlines() if line.count(", ") == 2)
    found = (Card(int(index), uuid, mig.strip()) for index, uuid, mig in rows)
    return {card.number: card for card in found}


def parse_instances(text: str) -> list[Instance]:
    """Of `mig -lgi`: GPU, profile's name, profile's id, instance's id, place."""
    pattern = r"^\|\s+(\d+)\s+MIG (\S+)\s+\d+\s+(\d+)\s+\d+:\d+\s+\|"
    rows = re.findall(pattern, text, re.MULTILINE)
    return [Instance(int(card), profile, int(number)) for card, profile, number in rows]


def parse_uuids(text: str) -> dict[int, list[str]]:
    """Of -L: the UUIDs of MIG devices by card."""
    found: dict[int, list[str]] = {}
    card = -1
    for line in text.splitlines():
        begins = re.match(r"GPU (\d+):", line)
        card = int(begins.group(1)) if begins else card
        mig = re.search(r"\(UUID: (MIG-[^)]+)\)", line)
        if mig:
            found.setdefault(card, []).append(mig.group(1))
    return found


# --- decisions


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
        if cards[index].mig not in ("Enabled", "Disabled"):
            raise Refused(f"GPU {index} has no MIG: set isolation: mps, or use other cards")
        if here and index not in ours:
            raise Refused(
                f"GPU {index} has MIG instances that adbray did not make: remove them"
                f" (nvidia-smi mig -dci -i {index}; nvidia-smi mig -dgi -i {index}), or leave the"
                " card out of capacity.gpus in fleet.yml"
            )
        if cards[index].mig == "Disabled":
            work.enable.append(index)
        work.destroy.extend(i for i in here if i.profile != profile)
        lacks = count - sum(1 for i in here if i.profile == profile)
        if lacks > 0:
            work.create.append((index, profile, lacks))
    return work


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


# --- deeds


class Host:
    """The files and the driver of this host; in a check run nothing is changed."""

    def __init__(self, check: bool, etc: str = ETC, run: str = RUN) -> None:
        self.check = check
        self.etc = etc
        self.run = run
        self.actions: list[str] = []

    def wanted(self) -> list[Slice]:
        found = []
        for path in sorted(glob.glob(os.path.join(self.etc, "*.*.json"))):
            fields: dict[str, Any] = json.loads(read(path))
            slot = os.path.basename(path)[: -len(".json")]
            found.append(Slice(slot=slot, **{k: v for k, v in fields.items() if k != "name"}))
        return found

    def ours(self) -> set[int]:
        return set(json.loads(read(os.path.join(self.etc, OURS)) or "[]"))

    def own(self, cards: set[int]) -> None:
        self.keep(os.path.join(self.etc, OURS), json.dumps(sorted(cards)) if cards else "")

    def carry_out(self, work: Work) -> None:
        self.actions += work.actions
        if self.check:
            return
        for one in work.destroy:
            place = ("-gi", str(one.id), "-i", str(one.card))
            smi("mig", "-dci", *place)
            smi("mig", "-dgi", *place)
        for card in work.disable:
            smi("-i", str(card), "-mig", "0")
        for card in work.enable:
            smi("-i", str(card), "-mig", "1")
            if cards()[card].mig != "Enabled":
                raise Refused(
                    f"GPU {card} goes into MIG mode at its next reset: stop what uses it and run"
                    f" nvidia-smi --gpu-reset -i {card}, or reboot this host"
                )
        for card, profile, count in work.create:
            smi("mig", "-cgi", ",".join([profile] * count), "-C", "-i", str(card))

    def keep(self, path: str, content: str) -> None:
        """``path`` with ``content``, or not at all where that is empty."""
        if read(path) == content:
            return
        self.actions.append(f"{'write' if content else 'remove'} {path}")
        if self.check:
            return
        if not content:
            os.unlink(path)
            return
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(content)
        os.rename(path + ".new", path)


def ensure(host: Host) -> None:
    """Cut the cards, and write what slots and daemons are told."""
    wanted, ours = host.wanted(), host.ours()
    told: dict[str, str] = {}
    if wanted or ours:
        shown = cards()
        require_mps(wanted)
        work = decide(wanted, shown, instances(), ours)
        migs = {part.card for part in wanted if part.isolation == "mig"}
        # Said before it is done: what a run that broke off has made is found again.
        host.own(ours | migs)
        host.carry_out(work)
        host.own(migs)
        for part in wanted:
            if part.isolation == "mps":
                told[part.slot] = told[f"card-{part.card}"] = mps_environment(
                    part, shown[part.card].uuid
                )
        if migs and not (host.check and work.actions):
            told.update(mig_environments(host, wanted))
            prove(told, [card for card, _, _ in work.create], wanted)
    if host.check and host.actions:
        return
    for path in glob.glob(os.path.join(host.run, "*")):
        told.setdefault(os.path.basename(path), "")
    for name, content in sorted(told.items()):
        host.keep(os.path.join(host.run, name), content)


def mig_environments(host: Host, wanted: list[Slice]) -> dict[str, str]:
    uuids = parse_uuids(smi("-L"))
    before = {
        part.slot: read(os.path.join(host.run, part.slot)).strip().partition("=")[2]
        for part in wanted
    }
    found: dict[str, str] = {}
    for card in sorted({part.card for part in wanted if part.isolation == "mig"}):
        slots = [part.slot for part in wanted if part.card == card]
        found.update(assign(slots, uuids.get(card, []), before))
    return {slot: f"CUDA_VISIBLE_DEVICES={uuid}\n" for slot, uuid in found.items()}


def prove(told: dict[str, str], created: list[int], wanted: list[Slice]) -> None:
    """Use each instance that was just made; one that runs nothing yet is in nobody's way."""
    for part in wanted:
        if part.card in created:
            uuid = told[part.slot].strip().partition("=")[2]
            run(CLIENT, env={**os.environ, "CUDA_VISIBLE_DEVICES": uuid})


def require_mps(wanted: list[Slice]) -> None:
    if any(p.isolation == "mps" for p in wanted) and not shutil.which("nvidia-cuda-mps-control"):
        raise Refused(
            "nvidia-cuda-mps-control is missing: install what has it (Debian: nvidia-cuda-mps;"
            " NVIDIA's own packages bring it with the driver), or set isolation: mig or none"
        )


def cards() -> dict[int, Card]:
    fields = "index,uuid,mig.mode.current"
    return parse_cards(smi(f"--query-gpu={fields}", "--format=csv,noheader"))


def instances() -> list[Instance]:
    # It ends with an error where no card is in MIG mode, or where none has an instance.
    return parse_instances(run("nvidia-smi", "mig", "-lgi", fails=True))


def smi(*arguments: str) -> str:
    if not shutil.which("nvidia-smi"):
        raise Refused(
            "a slot has a slice of a GPU here, and this host has no NVIDIA driver (nvidia-smi is"
            " missing): install it, or select other hosts for the worker group"
        )
    return run("nvidia-smi", *arguments)


def run(*command: str, fails: bool = False, env: Any = None) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=env
    )
    text = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0 and not fails:
        raise Refused(f"{' '.join(command)} failed ({done.returncode}): {text}")
    return text


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def main(arguments: list[str], work: Callable[[Host], None] = ensure) -> int:
    if arguments not in (["ensure"], ["ensure", "--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    host = Host("--check" in arguments)
    try:
        work(host)
    except (Refused, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"changed": bool(host.actions), "actions": host.actions}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
