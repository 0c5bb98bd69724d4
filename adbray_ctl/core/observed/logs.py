"""Logs of nodes: what hosts have of them, which are meant, and what is wanted of those."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.errors import HostError, UsageError
from adbray_ctl.core.text import no_such

STARTED = "%Y%m%dT%H%M%SZ"
"""How a start is named, by when it began, in UTC; behind it may stand a number."""
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIMES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


class _Logs(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class KeptLog(_Logs):
    """The logs of one worker that ended; ``ended_at`` in seconds since the epoch.

    ``size`` is in bytes, packed.
    """

    host: str = ""
    slot: str
    start: str
    ended_at: float
    size: int

    @property
    def began_at(self) -> float:
        return datetime.strptime(self.start[:16], STARTED).replace(tzinfo=UTC).timestamp()


class HostLogs(_Logs):
    """What one host has of a group: slots that stand there, and what it keeps."""

    host: str
    slots: tuple[str, ...] = ()
    kept: tuple[KeptLog, ...] = ()
    error: str = ""


class LogRequest(_Logs):
    """Of ``node``'s logs, those whose name fits ``file``: the last ``lines`` of each, 0 for all.

    ``since`` is in seconds since the epoch, 0 for whenever; ``start`` names one that is kept.
    """

    group: str
    node: str
    lines: int = 50
    since: int = 0
    file: str = "*"
    start: str = ""
    follow: bool = False


class LogLine(NamedTuple):
    """``source`` is `journal`, or the name of one of Ray's logs."""

    source: str
    text: str


def moment(text: str, now: float) -> int:
    """``90s``, ``10m``, ``2h`` or ``1d`` before ``now``, or a time in UTC, since the epoch.

    Raises UsageError.
    """
    number, unit = text[:-1], text[-1:]
    if number.isascii() and number.isdigit() and unit in _SECONDS and len(number) < 7:
        return int(now - timedelta(seconds=int(number) * _SECONDS[unit]).total_seconds())
    for form in _TIMES:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    raise UsageError(
        f"{text!r} is no time",
        where="--since",
        hint="write 90s, 10m, 2h or 1d, or a time in UTC such as 2026-09-01T12:30",
    )


def host_of(group: str, node: str, hosts: Sequence[HostLogs]) -> str:
    """Where ``node`` stands. Raises UsageError, or HostError if a silent host may have it."""
    found = next((host.host for host in hosts if node in host.slots), None)
    if found is not None:
        return found
    raise _nowhere(group, node, hosts, sorted({slot for host in hosts for slot in host.slots}))


def kept_of(group: str, node: str, hosts: Sequence[HostLogs], start: str = "") -> KeptLog:
    """What is kept of ``node``: of its last start, or of the one called so. Raises as `host_of`."""
    kept = sorted(
        (one for host in hosts for one in host.kept if one.slot == node), key=lambda k: k.start
    )
    meant = [one for one in kept if start in ("", one.start)]
    if meant:
        return meant[-1]
    if start and kept:
        raise UsageError(
            f"nothing is kept of a start {start} of {node}",
            where=f"group {group}",
            hint=f"choose of {', '.join(one.start for one in kept[-5:])}",
        )
    silent = _silent(hosts)
    if silent:
        raise silent
    raise UsageError(
        f"nothing is kept of {node}",
        where=f"group {group}",
        hint=f"only logs of workers that ended are: `adbray logs {group} --list` tells which",
    )


def _nowhere(
    group: str, node: str, hosts: Sequence[HostLogs], slots: Sequence[str]
) -> UsageError | HostError:
    silent = _silent(hosts)
    if silent:
        return silent
    return UsageError(no_such("node", node, slots, of=f"in group {group}"))


def _silent(hosts: Sequence[HostLogs]) -> HostError | None:
    silent = [host for host in hosts if host.error]
    if not silent:
        return None
    return HostError(
        "it may be on a host that does not answer: "
        + "; ".join(f"{host.host}: {host.error}" for host in silent),
        where=silent[0].host,
        hint="bring it back",
    )
