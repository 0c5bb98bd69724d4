"""Hosts in memory, and this machine over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.protocols.hosts import HostAccess
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.hosts import Host
from adbray_ctl.testing.hosts import FakeHosts
from tests.contract.ssh_server import hosts

NAMES = ("a", "b", "silent")


@pytest.fixture(params=["fake", "real"])
def access(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Fleet, HostAccess]]:
    """A fleet of three, of which one gives no answer; each has a file with a word."""
    file = tmp_path / "file"
    file.write_text("word\n")
    with hosts(tmp_path, NAMES[:2]) as (served, _):
        # Nothing listens at its port.
        silent = Host.model_validate({"name": NAMES[2], "address": "127.0.0.1", "ssh": {"port": 1}})
        fleet = served.model_copy(update={"hosts": (*served.hosts, silent)})
        if request.param == "real":
            yield fleet, SshHosts(KnownHosts(tmp_path / "known_hosts"))
            return
    seen = (HostObservation(host=name, error="x" if name == "silent" else None) for name in NAMES)
    yield fleet, FakeHosts(Observed(hosts=tuple(seen)), {str(file): "word\n"})


def test_all_hosts_are_observed_or_those_named(access: tuple[Fleet, HostAccess]) -> None:
    fleet, asked = access
    found = asked.observe(fleet)
    assert tuple(host.host for host in found.hosts) == NAMES
    assert [bool(host.error) for host in found.hosts] == [False, False, True]
    assert [host.host for host in asked.observe(fleet, ("b",)).hosts] == ["b"]
    assert asked.observe(fleet, ()).hosts == ()


def test_a_file_is_read_and_one_that_is_missing_named(
    access: tuple[Fleet, HostAccess], tmp_path: Path
) -> None:
    fleet, asked = access
    assert asked.read_file(fleet, "b", str(tmp_path / "file")) == b"word\n"
    with pytest.raises(HostError, match="No such file") as caught:
        asked.read_file(fleet, "b", str(tmp_path / "nosuch"))
    assert caught.value.where == "b"
