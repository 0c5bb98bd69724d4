"""What the lab asks of a kind of host; the network and what is remembered are not its business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from adbray_ctl.core.lab import LabHost, LabOrder, LabPlan


class Backend(Protocol):
    """Makes, boots and ends hosts of one kind.

    Whatever a host runs as lies in its cgroup (``hosts.cgroup``), so that it is found and ended
    also when nobody remembers it.
    """

    @property
    def tools(self) -> Mapping[str, str]:
        """The machine's programs that it starts, with their Debian packages."""

    def require(self) -> None:
        """Raise LabError when this machine, tools aside, cannot carry such hosts."""

    def prepare(self, cache: Path, report: Callable[[str], None]) -> None:
        """Make what all hosts share; may take minutes. The lab's folder stands."""

    def make(self, plan: LabPlan, host: LabHost, order: LabOrder, public_key: str) -> None:
        """The files of a host's own, before its first boot."""

    def boot(self, plan: LabPlan, host: LabHost) -> None:
        """Start the host and wire it to the bridge; it runs on when this process ends."""

    def pid(self, plan: LabPlan, host: LabHost) -> int | None:
        """What ``LabHostStatus.pid`` says; None when the host does not run."""

    def system_state(self, plan: LabPlan, host: LabHost) -> str:
        """What systemd of a host that answers says of itself: starting, running, degraded..."""

    def tell_names(self, plan: LabPlan, host: LabHost) -> None:
        """A running host learns of hosts that have come since."""

    def kill(self, plan: LabPlan, host: LabHost) -> None:
        """End the host at once; its disk stays."""

    def clear(self, plan: LabPlan, host: LabHost) -> None:
        """Remove what is left of a host that was killed or has ended, but for its disk."""
