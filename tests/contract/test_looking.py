"""Logs, loads and bundles over real SSH, from a host that carries no group."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adbray_ctl.adapters.ssh.bundle_probe import SshBundleProbe
from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh.loads import SshLoads
from adbray_ctl.adapters.ssh.node_logs import SshNodeLogs
from adbray_ctl.core.bundle import CollectRequest
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.logs import LogRequest
from adbray_ctl.core.spec.fleet import Fleet
from tests.contract.ssh_server import hosts

NOBODY = "nobody-has-this"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Fleet, SshHosts, list[subprocess.Popen[bytes]]]]:
    """Host a is this machine; nothing listens at b."""
    with hosts(tmp_path, ("a", "b")) as (fleet, started):
        gone = fleet.hosts[1].model_copy(update={"address": "127.0.0.2"})
        both = fleet.model_copy(update={"hosts": (fleet.hosts[0], gone)})
        yield both, SshHosts(KnownHosts(tmp_path / "known_hosts")), started


Site = tuple[Fleet, SshHosts, list[subprocess.Popen[bytes]]]


def test_hosts_tell_what_they_have_or_why_not(site: Site) -> None:
    fleet, access, _ = site
    here, gone = SshNodeLogs(access).find(fleet, NOBODY)
    assert (here.host, here.slots, here.kept, here.error) == ("a", (), (), "")
    assert (gone.host, "cannot connect" in gone.error) == ("b", True)


def test_a_node_that_is_not_there_is_an_error(site: Site) -> None:
    fleet, access, _ = site
    wanted = LogRequest(group=NOBODY, node="w-0")
    with (
        pytest.raises(HostError, match="w-0"),
        SshNodeLogs(access).read(fleet, "a", wanted) as lines,
    ):
        list(lines)


def test_what_runs_on_a_host_ends_with_who_listens(site: Site) -> None:
    fleet, access, started = site
    with access.lines_of(fleet, "a", "load", NOBODY, "1") as lines:
        assert next(lines).endswith("}\n")
        (process,) = started
        assert process.poll() is None
    assert process.wait(20) == 0


def test_a_host_that_tells_nothing_more_is_an_error(site: Site) -> None:
    fleet, access, _ = site
    with (
        access.lines_of(fleet, "a", "load", NOBODY, "3600", within_s=2) as lines,
        pytest.raises(HostError, match="it went silent"),
    ):
        list(lines)


def test_loads_come_again_and_again_over_one_connection(site: Site) -> None:
    fleet, access, started = site
    with SshLoads(access).watch(fleet, ["a", "b"], NOBODY, 0.5) as now:
        assert [host.host for host in now()] == ["a", "b"]
        seen: set[float] = set()
        deadline = time.monotonic() + 60
        while len(seen) < 3 or not now()[1].answered:
            assert time.monotonic() < deadline
            seen |= {host.at for host in now()[:1] if host.at}
            time.sleep(0.05)
        here, gone = now()
        assert (here.slots, here.error) == ((), "")
        assert "cannot connect" in gone.error
    assert len(started) == 1
    started[0].wait(20)


def test_a_bundle_has_the_hosts_figures(site: Site) -> None:
    fleet, access, _ = site
    wanted = CollectRequest(group=NOBODY, lines=3, since=0, budget=2**22)
    told = {one.host: one for one in SshBundleProbe(access).read(fleet, ("a", "b"), wanted)}
    assert "cannot connect" in told["b"].error
    files = told["a"].files
    assert "MemTotal" in files["memory.txt"]
    assert '"python"' in files["versions.txt"]
    assert "$ df -k -T" in files["disks.txt"]
    assert told["a"].size < 2**22
