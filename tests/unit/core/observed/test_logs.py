"""Which node's logs are meant, which of those that are kept, and since when."""

from __future__ import annotations

import pytest

from adbray_ctl.core.errors import HostError, UsageError
from adbray_ctl.core.observed.logs import HostLogs, KeptLog, host_of, kept_of, moment

NOW = 1_790_000_000.0


def kept(slot: str, start: str) -> KeptLog:
    return KeptLog(host="a", slot=slot, start=start, ended_at=NOW, size=1)


FIRST, LAST = "20260921T141320Z", "20260922T080000Z"
HOSTS = (
    HostLogs(host="a", slots=("head", "w-0"), kept=(kept("w-0", LAST), kept("w-0", FIRST))),
    HostLogs(host="b", slots=("w-1",)),
)
SILENT = HostLogs(host="c", error="no answer")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90s", NOW - 90),
        ("10m", NOW - 600),
        ("2h", NOW - 7200),
        ("1d", NOW - 86400),
        ("2026-09-21T14:13", NOW - 20),
        ("2026-09-21T14:13:20", NOW),
        ("2026-09-21", NOW - 51200),
    ],
)
def test_times(text: str, at: float) -> None:
    assert moment(text, NOW) == at


@pytest.mark.parametrize("text", ["", "h", "-1h", "1w", "yesterday", "1.5h", "99999999999d", "²h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        moment(text, NOW)


def test_a_node_is_found_on_its_host() -> None:
    assert host_of("demo", "w-1", HOSTS) == "b"
    assert host_of("demo", "w-1", (*HOSTS, SILENT)) == "b"


def test_a_node_that_is_nowhere() -> None:
    with pytest.raises(UsageError, match="no node 'w-2' in group demo; nodes: head, w-0, w-1; did"):
        host_of("demo", "w-2", HOSTS)
    with pytest.raises(HostError, match="c: no answer"):
        host_of("demo", "w-2", (*HOSTS, SILENT))


def test_the_last_start_is_meant_or_the_one_that_is_named() -> None:
    assert kept_of("demo", "w-0", HOSTS).start == LAST
    assert kept_of("demo", "w-0", HOSTS, FIRST).start == FIRST
    with pytest.raises(UsageError, match="a start 2026 of w-0") as error:
        kept_of("demo", "w-0", HOSTS, "2026")
    assert error.value.hint == f"choose of {FIRST}, {LAST}"


def test_nothing_is_kept() -> None:
    with pytest.raises(UsageError, match="nothing is kept of w-1"):
        kept_of("demo", "w-1", HOSTS)
    with pytest.raises(HostError, match="c: no answer"):
        kept_of("demo", "w-1", (*HOSTS, SILENT))


def test_when_a_start_began() -> None:
    assert kept("w-0", FIRST).began_at == NOW
    assert kept("w-0", f"{FIRST}-2").began_at == NOW
