"""The failures of a run, and the one error that they become."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

from adbray_ctl.core.errors import RunError
from adbray_ctl.core.events import HostResult, Outcome, RunEvent


class Failures:
    """Each host's last failure: an earlier one was rescued, else the host had not gone on."""

    def __init__(self) -> None:
        self._by_host: dict[str, HostResult] = {}

    def hear(self, event: RunEvent | None, lost: AbstractSet[str] | None) -> None:
        """An event of the run, and at its end the hosts that it was lost for."""
        failed = (Outcome.FAILED, Outcome.UNREACHABLE)
        if isinstance(event, HostResult) and event.outcome in failed:
            self._by_host.pop(event.host, None)
            self._by_host[event.host] = event
        if lost is not None:
            self._by_host = {host: one for host, one in self._by_host.items() if host in lost}

    def error(self, playbook: str, log: Path) -> RunError:
        """What the user reads of a run that failed; ``log`` is the whole of it."""
        if not self._by_host:
            text = log.read_text(errors="replace") if log.exists() else ""
            lines = [f"ansible-playbook {playbook}.yml failed", *text.strip().splitlines()[-8:]]
            return RunError("\n".join(lines), hint=f"see the whole log: {log}")
        first, *rest = self._by_host.values()
        others = sorted(failure.host for failure in rest)
        also = f" (also failed: {', '.join(others)})" if others else ""
        if first.outcome is Outcome.UNREACHABLE:
            what = f"unreachable during {first.step}: {first.message}{also}"
            hint = f"bring the host back and run this again; whole log: {log}"
        else:
            what = f"{first.step}: task '{first.task}' failed: {first.message}{also}"
            hint = f"fix it and run this again, what is done stays done; whole log: {log}"
        return RunError(what, where=first.host, hint=hint)
