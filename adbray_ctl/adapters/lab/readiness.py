"""Waiting for hosts that boot."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from adbray_ctl.adapters.lab import hosts
from adbray_ctl.adapters.lab.backend import Backend
from adbray_ctl.adapters.lab.shell import read_text
from adbray_ctl.core.errors import LabError
from adbray_ctl.core.foreign import reason_in
from adbray_ctl.core.lab import HostKind, LabHost, LabPlan

# Without hardware support a VM boots in half a minute, and in many times that beside other work.
_READY_WITHIN_S = {HostKind.CONTAINER: 60.0, HostKind.VM: 600.0}
# A host that boots again may have services that wait for other hosts: sshd must do then.
_BOOTED = frozenset({"running", "degraded"})
_BOOTED_AGAIN = _BOOTED | {"starting"}


class Readiness:
    """Knows when hosts below ``base`` are up, by their backends."""

    def __init__(self, base: Path, backends: Mapping[HostKind, Backend]) -> None:
        self._base = base
        self._backends = backends

    def wait(self, plan: LabPlan, started: Sequence[LabHost], *, again: bool = False) -> None:
        """Until all of them are up; ``again`` if they booted before. Raises LabError."""
        booted = _BOOTED_AGAIN if again else _BOOTED
        began = time.monotonic()
        for host in started:
            within_s = _READY_WITHIN_S[host.kind]
            while not self._ready(plan, host, booted):
                if time.monotonic() > began + within_s:
                    log = self._base / "hosts" / host.name / "console.log"
                    tail = reason_in(read_text(log))
                    raise LabError(
                        f"not up after {within_s:g} s{': ' + tail if tail else ''}",
                        where=host.name,
                        hint=f"see {log}; `adbray lab down` cleans up",
                    )
                time.sleep(0.1)

    def _ready(self, plan: LabPlan, host: LabHost, booted: frozenset[str]) -> bool:
        backend = self._backends[host.kind]
        return hosts.answers(host) and backend.system_state(plan, host) in booted
