"""What hosts showed, and what may be concluded from it."""

from __future__ import annotations

from adbray_ctl.core.observed.hosts import HostObservation, Observed, Unseen


def test_only_a_host_that_showed_all_is_without_a_group() -> None:
    observed = Observed(
        hosts=(
            HostObservation(host="bare"),
            HostObservation(host="other", groups=("else",)),
            HostObservation(host="has", groups=("demo", "else")),
            HostObservation(host="silent", error="no route"),
            HostObservation(host="part", unseen=(Unseen(what="units", why="systemd hangs"),)),
        )
    )
    assert observed.hosts_without("demo") == ("bare", "other")
