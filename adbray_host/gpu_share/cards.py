"""Cards and MIG instances, as nvidia-smi prints them."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any, NamedTuple


class Refused(Exception):
    """Why the cards cannot be cut as wanted, and what to do."""


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
