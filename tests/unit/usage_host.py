"""A host that writes usage down: its real scripts on real files, with times as they are told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adbray_ctl import wiring
from adbray_ctl.core.usage.usage import HostUsage
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.clock import FakeClock
from adbray_ctl.testing.insight import FakeUsageLog
from adbray_host import layout, systemd, usage
from tests.host_command import output
from tests.unit.host_modules import OneOfSeveral

GROUP = "demo"


class UsageHost:
    """One host; a stand-in for systemctl tells which starts of which units run.

    It booted at 0. Its clock is ``ahead`` of the times it is told, and it slept for ``asleep``.
    """

    def __init__(self, base: Path) -> None:
        self.base, self.name = base, base.name
        self.data = base / "usage"
        self.ahead = self.asleep = 0.0
        self._running: dict[str, tuple[str, float]] = {}
        for folder in (self.etc, base / "gpus"):
            folder.mkdir(parents=True)
        systemctl = base / "systemctl"
        systemctl.write_text(f"#!/bin/sh\ncat {base}/shown\n")
        systemctl.chmod(0o755)
        self.script = OneOfSeveral(
            usage,
            (layout, "ETC", str(base / "etc")),
            (layout, "USAGE", str(self.data)),
            (usage, "GPUS", str(base / "gpus")),
            (systemd, "SYSTEMCTL", str(systemctl)),
        )
        self._show()

    @property
    def etc(self) -> Path:
        return self.base / "etc" / GROUP

    def record(
        self, slot: str, size: str, cpus: int, disk_gb: int, *, group: str = GROUP, **more: Any
    ) -> None:
        """What the roles write of a slot."""
        kind = "worker" if "worker_group" in more else "head"
        name = slot if kind == "worker" else "head"
        sized = {"size": size, "cpus": cpus, "disk_gb": disk_gb}
        unit = self.unit(name, group)
        record = {"group": group, "slot": slot, "kind": kind, "unit": unit} | sized | more
        folder = self.base / "etc" / group
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(record))

    def card(self, bus: str, model: str) -> None:
        """What NVIDIA's driver tells of a card."""
        folder = self.base / "gpus" / bus
        folder.mkdir()
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 24\n")

    def unit(self, name: str, group: str = GROUP) -> str:
        return f"{group}.{name}.service"

    def start(self, name: str, start_id: str, at: float, group: str = GROUP) -> None:
        """Its unit starts, and calls."""
        self.runs(name, start_id, at, group)
        self.script.start(group, name, start_id, at + self.ahead, at)

    def stop(self, name: str, at: float, group: str = GROUP) -> None:
        """Its unit ends, and calls."""
        start_id, _ = self._running[self.unit(name, group)]
        self.ends(name, group)
        self.script.stop(group, name, start_id, at + self.ahead, at)

    def runs(self, name: str, start_id: str, at: float, group: str = GROUP) -> None:
        """Its unit runs since then, and has not called."""
        self._running[self.unit(name, group)] = (start_id, at - self.asleep)
        self._show()

    def ends(self, name: str, group: str = GROUP) -> None:
        """Its unit ends, and does not call."""
        del self._running[self.unit(name, group)]
        self._show()

    def power_off(self) -> None:
        self._running.clear()
        self._show()

    def tick(self, at: float) -> None:
        self.script.tick(at + self.ahead, at, at - self.asleep)

    def read(self, now: float, since: int = 0, group: str = "") -> HostUsage:
        """What a host says of it."""
        elsewhere = {"layout.USAGE": self.data, "systemd.SYSTEMCTL": self.base / "systemctl"}
        said = output(elsewhere, "read-usage", str(since), group, str(now))
        return HostUsage.model_validate({**json.loads(said), "host": self.name})

    def spans(self, now: float) -> list[tuple[str, int, int]]:
        """Slot, start and end of each lifetime."""
        return [(one.slot, one.start, one.end) for one in self.read(now).lifetimes]

    def months(self) -> list[str]:
        return sorted(path.name for path in self.data.glob("*.jsonl"))

    def written_at(self, slot: str, at: float) -> None:
        """The record's time of change."""
        os.utime(self.etc / f"{slot}.json", (at, at))

    def _show(self) -> None:
        """A unit without an entry is inactive."""
        written = self.base.glob("etc/*/*.json")
        units = {self.unit(path.stem, path.parent.name) for path in written} | set(self._running)
        blocks = []
        for unit in sorted(units):
            start_id, at = self._running.get(unit, ("", 0.0))
            active = "active" if unit in self._running else "inactive"
            blocks.append(
                f"Id={unit}\nActiveState={active}\nInvocationID={start_id}\n"
                f"ActiveEnterTimestampMonotonic={int(at * 1e6)}\n"
            )
        (self.base / "shown").write_text("\n".join(blocks))


def tick(at: float, *hosts: UsageHost) -> None:
    """Their timers look at ``at``."""
    for host in hosts:
        host.tick(at)


def asking(directory: Path, hosts: Sequence[UsageHost], now: float, fleet: str) -> Tools:
    """What asks ``hosts`` at ``now``; others of ``fleet`` give no answer, and nothing waits."""

    def answer(host: UsageHost) -> Callable[[int, str | None], HostUsage]:
        return lambda since, group: host.read(now, since, group or "")

    (directory / "fleet.yml").write_text(fleet)
    answers = {host.name: answer(host) for host in hosts}
    clock = FakeClock(now, patience_s=0)
    return replace(wiring.tools(directory), usage=FakeUsageLog(answers), clock=clock)
