"""The slot record: what a host says about one slot it carries.

Written by the roles to ``/etc/adbray/<group>/<slot>.json`` and read back by the observe pass, it
is the only place where placement is remembered (docs/adr/0002). The file's mtime is "applied at".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue, SkipValidation

from adbray_ctl.core.slot.disks import DEFAULTS, SlotDisk
from adbray_ctl.core.slot.gpu import Isolation

# A node on one of the hosts it stands on, or will: (node, host). One that moves is on two.
NodeAt: TypeAlias = tuple[str, str]


class SlotKind(StrEnum):
    HEAD = "head"
    REDIS = "redis"
    WORKER = "worker"


class Slot(NamedTuple):
    """A slot by its name, with what it is."""

    name: str
    kind: SlotKind


class Gpu(BaseModel):
    """A worker's GPU share: whole cards, or one slice of one card.

    ``cards`` are the host's GPU indices; ``slices`` is n for an allocation unit of 1/n, else 1.
    Of a slice, ``isolation`` says what holds it, ``memory_mb`` the limit under MPS, ``profile`` the
    one of its MIG instance.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    cards: tuple[int, ...]
    slices: int = 1
    isolation: Isolation | None = None
    memory_mb: int = 0
    profile: str = ""

    @property
    def settings(self) -> dict[str, JsonValue]:
        """What a slot is made of; the group has the isolation among its own."""
        held: dict[str, JsonValue] = {"memory_mb": self.memory_mb, "MIG profile": self.profile}
        return {
            "cards": list(self.cards),
            "slices": self.slices,
            **{name: value for name, value in held.items() if value},
        }

    @property
    def text(self) -> str:
        """In a few words, for a table."""
        if self.slices == 1:
            return str(len(self.cards))
        held = self.isolation or Isolation.NONE
        return f"1/{self.slices} {'not isolated' if held is Isolation.NONE else held}"

    @property
    def ray_gpus(self) -> int:
        """Ray's node resource: whole numbers only, so a 1/n slice counts as one."""
        return len(self.cards)


class ExternalRedis(BaseModel):
    """A Redis that stays when its group goes, so that the group's keys must be removed from it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    url: str
    username: str


class SlotRecord(BaseModel):
    """One slot as applied. Memory in MiB, disk in GiB, ports as TCP port numbers.

    ``address`` is the one that Ray has for the node: of a head and its standbys the virtual one, if
    there is one. ``settings`` are the spec's fields, and what placement decided, that the slot was
    made of.
    ``disk`` is where that is kept, and how: it stays so while the slot stands.
    ``scaling`` is what the head's autoscaler was told, ``host_settings`` what the host was, for all
    its slots: a change of them restarts nothing.
    ``files`` are filled in by the roles: SHA-256 by path, of what ``unit`` runs from.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    group: str
    slot: str
    kind: SlotKind
    address: str
    worker_group: str | None = None
    index: int | None = None
    size: str | None = None
    cpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0
    disk: SlotDisk = SlotDisk()
    gpu: Gpu | None = None
    block: int
    ports: dict[str, int]
    namespace: str
    venv: str = ""
    external_redis: ExternalRedis | None = None
    settings: dict[str, SkipValidation[JsonValue]] = {}
    scaling: dict[str, SkipValidation[JsonValue]] = {}
    host_settings: dict[str, SkipValidation[JsonValue]] = {}
    unit: str = ""
    files: dict[str, str] = {}
    revision: str

    @property
    def made_of(self) -> str:
        """All that it was made of, in one word; the revision leaves out what changes in use."""
        return f"{self.revision} {self.disk_gb} GiB" if self.disk_gb else self.revision

    @property
    def all_settings(self) -> dict[str, JsonValue]:
        """``settings``, with those of its disk that are left out there."""
        return {**(DEFAULTS if self.disk_gb else {}), **self.settings}


def canonical_json(value: Mapping[str, Any]) -> str:
    """One text per value: sorted keys, no spaces; the input of every revision hash."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def revision_of(value: Mapping[str, Any]) -> str:
    """Twelve hex digits of SHA-256 over the canonical JSON of what is applied to a slot."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:12]
