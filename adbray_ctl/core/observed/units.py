"""What a host reports of its slots: units, keepers, records with what was done to them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.foreign import Foreign
from adbray_ctl.core.slot.disks import DiskUse
from adbray_ctl.core.slot.record import SlotRecord


class _Observed(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class UnitState(_Observed):
    """systemd's view of one unit: ``active`` is its ActiveState, ``sub`` its SubState.

    ``started_at`` is when its main process started, in seconds since the epoch; ``enabled`` says
    that it is meant to run whenever the host does, which no worker is: the autoscaler decides.
    ``start`` is the id of its last start, systemd's InvocationID. ``result`` is how its last run
    ended, ``load`` its LoadState, both in systemd's words; ``overrides`` are the files that others
    have put over it.
    """

    unit: str
    active: str
    sub: str
    restarts: int = 0
    started_at: float = 0
    start: str = ""
    enabled: bool = True
    result: str = "success"
    load: str = "loaded"
    overrides: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether there is a process to lose."""
        return self.active in ("active", "activating", "reloading", "deactivating")

    @property
    def group(self) -> str:
        """The group it belongs to; empty for what the groups of a host share."""
        instance = self.unit.removesuffix(".service").partition("@")[2]
        return instance.split(".", 1)[0]


class KeeperState(StrEnum):
    """What the keeper of a head or standby does (adbray_host/keeper)."""

    WAITS = "waits"
    STARTS = "starts"
    LEADS = "leads"
    STOPS = "stops"


class KeeperView(_Observed):
    """What a keeper told last: who leads as far as it knows, since when (s since the epoch)."""

    state: KeeperState
    leader: str = ""
    detail: Foreign = ""
    since: float = 0


class Wait(_Observed):
    """What a start waits for, in words; how many on its host have their turn ``before`` it.

    ``before`` is None while it does not wait for its turn; ``failed`` starts went before, in a row.
    """

    text: Foreign
    before: int | None = None
    failed: int = 0


class ObservedSlot(_Observed):
    """A slot's record, when it was applied (seconds since the epoch), and what was done to it.

    ``keeper`` is there for heads and standbys whose unit runs; ``primary`` is the Redis (host:port)
    that this host's Sentinel takes for the primary; ``disks`` is how full its disks are;
    ``wait`` is there while a start has not begun Ray.
    """

    record: SlotRecord
    applied_at: float
    drift: tuple[str, ...] = ()
    keeper: KeeperView | None = None
    wait: Wait | None = None
    primary: str = ""
    disks: tuple[DiskUse, ...] = ()
