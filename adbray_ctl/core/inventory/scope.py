"""The part of an inventory that one run is about, in Ansible's words."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.slot.names import disk_name
from adbray_ctl.core.slot.record import Slot, SlotKind


class Scope(BaseModel):
    """A part of a playbook: these hosts, the roles of these names, and these slots alone."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    hosts: tuple[str, ...]
    roles: tuple[str, ...]
    slots: tuple[Slot, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of its slots."""
        return tuple(slot.name for slot in self.slots)

    @property
    def extra_vars(self) -> dict[str, list[str]]:
        """Which slots the roles that carry many of a host are about; all of them if none."""
        workers = [slot.name for slot in self.slots if slot.kind is SlotKind.WORKER]
        disks = [disk_name(s.kind, s.name) for s in self.slots if s.kind is not SlotKind.REDIS]
        return {"worker_disk_only": disks, "gpu_share_only": workers, "ray_worker_only": workers}
