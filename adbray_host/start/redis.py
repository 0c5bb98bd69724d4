"""Start this host's Redis, or its Sentinel, as what the group's Sentinels know it to be.

    start-redis CONFIG server|sentinel

A Redis that starts as the primary it once was would hold what is no longer true, until a Sentinel
finds it; so it asks before it starts. A Sentinel keeps what it knows of the members, and takes
everything else from its configuration.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from adbray_host import files

# All of them have this long to answer; then those that did decide.
WITHIN_S = 3.0
# After that the unit starts again.
SILENCE_S = 60.0
ABOUT_MEMBERS = (["sentinel", "known-replica"], ["sentinel", "known-sentinel"])
OWN = ("myid", "current-epoch", "config-epoch", "leader-epoch")


class View(NamedTuple):
    """What one Sentinel knows: ``place`` is the primary's address and port, with a space."""

    epoch: int
    place: str


@dataclass(frozen=True)
class Config:
    """Written by the role redis. ``etc`` has the configurations, ``state`` is the Sentinel's own.

    ``me`` is where this host's Redis is, as a View has it; ``members`` are those of the group, each
    with its address, port and sentinel_port, the first primary first.
    """

    members: list[dict[str, Any]]
    name: str
    etc: str
    state: str
    me: str
    admin: str


def load(path: str) -> Config:
    with open(path, encoding="utf-8") as file:
        return Config(**json.load(file))


def asked(config: Config, member: dict[str, Any]) -> View | None:
    """What the Sentinel of ``member`` knows, or None when it does not answer."""
    words = ["redis-cli", "-h", member["address"], "-p", str(member["sentinel_port"])]
    words += ["--tls", "--cacert", config.etc + "/redis.crt", "--user", config.admin]
    words += ["--no-auth-warning", "--raw", "sentinel", "master", config.name]
    try:
        out = subprocess.run(words, capture_output=True, text=True, timeout=2, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    lines = out.splitlines()
    facts = dict(zip(lines[::2], lines[1::2]))
    if "ip" not in facts:
        return None
    return View(int(facts["config-epoch"]), facts["ip"] + " " + facts["port"])


def remembered(config: Config) -> list[str]:
    """What this host's Sentinel knew when it last wrote it down, line by line."""
    return files.read(config.state).splitlines()


def primary(views: Sequence[View | None]) -> str | None:
    """The one of the newest epoch; of two of one epoch, that which more know.

    It may be no member any more: then it has what the members need, and goes once they do.
    """
    known = [view for view in views if view]
    return max(known, key=lambda view: (view.epoch, known.count(view))).place if known else None


def start_server(config: Config) -> None:
    """As the primary, or as a replica of it."""
    ends_at = time.monotonic() + WITHIN_S
    while True:
        views = [asked(config, member) for member in config.members]
        if all(views) or (time.monotonic() > ends_at and any(views)):
            break
        if time.monotonic() > ends_at + SILENCE_S:
            sys.exit("no Sentinel answers")
        time.sleep(0.2)
    place = primary(views) or config.me
    words = ["redis-server", config.etc + "/redis.conf"]
    if place != config.me:
        words += ["--replicaof", *place.split()]
    # By standard input, so that no argument list shows it.
    secret = "masterauth " + os.environ["REDISCLI_AUTH"] + "\n"
    read, write = os.pipe()
    os.write(write, secret.encode())
    os.close(write)
    os.dup2(read, 0)
    os.environ.pop("REDISCLI_AUTH")
    os.execv("/usr/bin/redis-server", [*words, "-"])


def start_sentinel(config: Config) -> None:
    """With its configuration, and with what it knows of hosts that are members still."""
    with open(config.etc + "/sentinel.conf", encoding="utf-8") as file:
        lines = file.read().splitlines()
    kept = [line for line in remembered(config) if _stays(config, line.split())]
    first = "{address} {port}".format(**config.members[0])
    views = [_own_view(config, kept), *(asked(config, member) for member in config.members)]
    place = primary(views) or first
    # One that became the primary meanwhile would be made a replica of itself.
    kept = [line for line in kept if not line.endswith(f"known-replica {config.name} {place}")]
    # What belongs to the primary comes after the line that names it.
    monitor = f"sentinel monitor {config.name} {place} {len(config.members) // 2 + 1}"
    named = f" {config.name} "
    general = [line for line in lines if named not in line]
    special = [line for line in lines if named in line]
    text = "\n".join([*general, monitor, *special, *kept]) + "\n"
    files.write(config.state, text, 0o600)
    os.environ.pop("REDISCLI_AUTH")
    os.execv("/usr/bin/redis-server", ["redis-sentinel", config.state, "--sentinel"])


def _stays(config: Config, words: list[str]) -> bool:
    """Whether a line of the Sentinel's own file is still true."""
    if words[:2] in ABOUT_MEMBERS:
        return words[3] in {member["address"] for member in config.members}
    return words[:1] == ["sentinel"] and words[1] in OWN


def _own_view(config: Config, kept: list[str]) -> View | None:
    before = [line.split() for line in remembered(config) if line.startswith("sentinel monitor ")]
    epochs = [line.split() for line in kept if line.startswith("sentinel config-epoch ")]
    return View(int(epochs[0][3]) if epochs else 0, " ".join(before[0][3:5])) if before else None


def main(words: list[str]) -> int:
    os.umask(0o077)
    config = load(words[0])
    with open(config.etc + "/redis_admin_password", encoding="utf-8") as file:
        os.environ["REDISCLI_AUTH"] = file.read().strip()
    (start_sentinel if words[1] == "sentinel" else start_server)(config)
    return 0
