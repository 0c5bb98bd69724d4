"""What `adbray clean` sends to a host and reads of it: a real SSH server on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.adapters.ssh.cleaning import SshDisks
from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.cleaning import DiskItem, May
from tests.contract.ssh_server import hosts


def test_as_many_files_as_a_disk_has_can_be_chosen(tmp_path: Path) -> None:
    """Linux takes no argument above 128 KiB, and each file directly in /tmp is chosen apart."""
    items = [
        DiskItem(what="files of jobs", path=f"tmp/tmp{n:08}", bytes=0, files=1, may=May.ASK)
        for n in range(65_000)
    ]
    with hosts(tmp_path, ("a",)) as (fleet, _):
        disks = SshDisks(SshHosts(KnownHosts(tmp_path / "known_hosts")))
        with pytest.raises(HostError, match="w-0 has no disk to look at: no record"):
            disks.free(fleet, "a", "no-group", "w-0", items)
