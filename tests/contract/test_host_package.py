"""The package goes to a host that lacks it, within the one session that a command takes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from adbray_ctl.adapters.host_package import host_package
from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.core.spec.fleet import Fleet
from adbray_host import arrival
from tests.contract.ssh_server import hosts

CACHED = Path(arrival.FOLDER) / host_package().digest


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Fleet, SshHosts, list[subprocess.Popen[bytes]]]]:
    with hosts(tmp_path, ("a",)) as (fleet, started):
        yield fleet, SshHosts(KnownHosts(tmp_path / "known_hosts")), started


def test_a_fresh_host_answers_in_one_session(
    site: tuple[Fleet, SshHosts, list[subprocess.Popen[bytes]]],
) -> None:
    fleet, access, started = site
    shutil.rmtree(CACHED, ignore_errors=True)
    for count in (1, 2):
        asked = '{"group": "no-group", "node": "w-0"}'
        assert access.reply(fleet, "a", "clean", stdin=asked).text == '{"missing": "no record"}\n'
        assert len(started) == count
    assert all(process.wait(20) == 0 for process in started)
