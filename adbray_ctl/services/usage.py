"""Usage of groups over a time, from what the hosts wrote down."""

from __future__ import annotations

from datetime import UTC, datetime

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.usage.billing import usage_report
from adbray_ctl.core.usage.usage import (
    KEPT_MONTHS,
    By,
    HostUsage,
    Period,
    UsageReport,
    iso,
    kept_since,
)
from adbray_ctl.services.tools import Tools


def usage(
    tools: Tools, group: str | None, by: By, start: datetime | None, end: datetime | None
) -> UsageReport:
    """The usage from ``start`` (default: this month's) to ``end`` (now), of all groups or of one.

    A group need not be there any more. A host without an answer is a problem in the report, and so
    is a start before what hosts keep; a host that is retired, a note. Raises SpecError for faults
    of fleet.yml, UsageError for an empty time.
    """
    fleet = tools.specs.fleet()
    now = int(tools.clock.time())
    period = _period(now, start, end)
    hosts = tools.usage.read(fleet, period.start, group)
    report = usage_report(period, by, hosts, prices=fleet.prices, group=group)
    problems, notes = _silent(fleet, hosts)
    update = {"problems": (*_gone(period, now), *problems), "notes": (*notes, *report.notes)}
    return report.model_copy(update=update)


def _period(now: int, start: datetime | None, end: datetime | None) -> Period:
    month = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0)
    first = int((start or month).timestamp())
    # What has not come yet has no usage, and a report must not say that it looked at it.
    last = now if end is None else min(int(end.timestamp()), now)
    if first >= last:
        what = "there is no time between the two" if end else "the time has not come yet"
        raise UsageError(what, where="--from" if end is None else "--from, --to")
    return Period(first, last)


def _gone(period: Period, now: int) -> tuple[str, ...]:
    since = kept_since(now)
    if period.start >= since:
        return ()
    return (f"hosts keep {KEPT_MONTHS} months: what ended before {iso(since)} may be missing",)


def _silent(fleet: Fleet, hosts: tuple[HostUsage, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    silent = [host for host in hosts if host.error]
    problems = tuple(f"{h.host}: {h.error}" for h in silent if h.host not in fleet.retired)
    retired = (h for h in silent if h.host in fleet.retired)
    return problems, tuple(f"without {h.host}, which is retired: {h.error}" for h in retired)
