"""Cuts this host's GPUs into what its slots have of them, and writes down each one's part.

    gpu-share ensure [--check]

Run as root, by the role gpu_share and at boot, since MIG's instances do not outlive one. What is
wanted is in ETC, a file a slot. For each slot it writes the environment of its unit to RUN, and for
each card under MPS that of its daemon. It prints what it changed as JSON, or on standard error what
stands in the way.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

from adbray_host import layout
from adbray_host.files import read, write
from adbray_host.gpu_share.cards import Refused, cards, instances, parse_uuids, run, smi
from adbray_host.gpu_share.decisions import Slice, Work, assign, decide, mps_environment

ETC = "/etc/adbray/.gpu"
RUN = "/run/adbray-gpu"
CLIENT = ("/usr/bin/python3", "-I", layout.PROGRAM, "cuda-client")
# The cards that were put into MIG mode here: others' instances are left alone.
OURS = "mig.json"


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
        write(path, content)


def ensure(host: Host) -> None:
    """Cut the cards, and write what slots and daemons get."""
    wanted, ours = host.wanted(), host.ours()
    environments: dict[str, str] = {}
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
                environments[part.slot] = environments[f"card-{part.card}"] = mps_environment(
                    part, shown[part.card].uuid
                )
        if migs and not (host.check and work.actions):
            environments.update(mig_environments(host, wanted))
            prove(environments, [card for card, _, _ in work.create], wanted)
    if host.check and host.actions:
        return
    for path in glob.glob(os.path.join(host.run, "*")):
        environments.setdefault(os.path.basename(path), "")
    for name, content in sorted(environments.items()):
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


def prove(environments: dict[str, str], created: list[int], wanted: list[Slice]) -> None:
    """Use each instance that was just made; one that runs nothing yet is in no one's way."""
    for part in wanted:
        if part.card in created:
            uuid = environments[part.slot].strip().partition("=")[2]
            run(*CLIENT, env={**os.environ, "CUDA_VISIBLE_DEVICES": uuid})


def require_mps(wanted: list[Slice]) -> None:
    if any(p.isolation == "mps" for p in wanted) and not shutil.which("nvidia-cuda-mps-control"):
        raise Refused(
            "nvidia-cuda-mps-control is missing: install what has it (Debian: nvidia-cuda-mps;"
            " NVIDIA's own packages bring it with the driver), or set isolation: mig or none"
        )


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
