"""Usage: when heads and workers ran, and what a report of it says.

Times are whole seconds since the epoch.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, computed_field

from adbray_ctl.core.slot.names import STANDBY
from adbray_ctl.core.slot.record import SlotKind

KEPT_MONTHS = 13
"""Before this one; as roles/host_base/files/usage.py has it."""


class By(StrEnum):
    """What a row of a report stands for."""

    GROUP = "group"
    WORKER_GROUP = "worker-group"
    """A worker group, or the heads, or the standbys of a group."""
    DAY = "day"
    """A group on a day, in UTC."""


class Item(StrEnum):
    """What is billed."""

    DISK = "disk_gb_hours"
    ACU = "acu_hours"
    GPU = "gpu_hours"


class Period(NamedTuple):
    """From ``start``, up to and without ``end``."""

    start: int
    end: int


class Lifetime(BaseModel):
    """One node from a start to its end, or a part of that in which nothing changed.

    ``id`` is systemd's of the start. ``end`` of one that runs is when it was asked. ``cards`` are
    its whole GPUs, of which it has one in ``slices``.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    id: str
    group: str
    slot: str
    worker_group: str = ""
    size: str = ""
    cpus: int
    disk_gb: int
    cards: int = 0
    slices: int = 1
    gpu_model: str = ""
    start: int
    end: int

    @property
    def kin(self) -> str:
        """Its worker group; heads and standbys have names that no worker group may have."""
        if self.worker_group:
            return self.worker_group
        return str(SlotKind.HEAD) if self.slot == SlotKind.HEAD else STANDBY

    @property
    def unit(self) -> str:
        """Its GPU allocation unit."""
        return f"1/{self.slices}" if self.slices > 1 else str(self.cards)


class HostUsage(BaseModel):
    """What one host wrote down, or the error that hides it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    host: str
    lifetimes: tuple[Lifetime, ...] = ()
    error: str = ""


class UsageItem(BaseModel):
    """One thing that is billed. ``cost`` is None where there is no price."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    item: Item
    gpu_model: str = ""
    gpu_unit: str = ""
    quantity: float
    cost: float | None = None


class UsageRow(BaseModel):
    """One row; what it does not stand for is empty. ``cost`` is None if that of any item is."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    day: str = ""
    group: str = ""
    worker_group: str = ""
    node_hours: float
    items: tuple[UsageItem, ...]
    cost: float | None = None


class UsageReport(BaseModel):
    """``problems`` say what usage is missing; ``notes`` what else there is to know."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    start: str
    end: str
    by: By
    currency: str | None = None
    rows: tuple[UsageRow, ...]
    total: UsageRow
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def complete(self) -> bool:
        return not self.problems


def kept_since(now: int) -> int:
    """From when on hosts keep all that ended: the first day of the oldest of their months."""
    today = datetime.fromtimestamp(now, UTC)
    months = today.year * 12 + today.month - 1 - KEPT_MONTHS
    return int(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC).timestamp())


def iso(at: int) -> str:
    """A moment as ISO 8601 writes it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def named(gpu_model: str) -> str:
    """A GPU's model, in a text for people."""
    return gpu_model or "an unknown GPU"
