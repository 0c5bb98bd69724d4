"""Pinned keys are written down, or it is said why not: the host is not to blame for that."""

from __future__ import annotations

from pathlib import Path

import paramiko
import pytest

from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.core.errors import HostError


def test_a_key_that_cannot_be_written_is_no_fault_of_the_host(tmp_path: Path) -> None:
    (tmp_path / ".adbray").write_text("in the way")
    path = tmp_path / ".adbray" / "known_hosts"
    key = paramiko.ECDSAKey.generate()
    with pytest.raises(HostError, match=r"key cannot be written to .*: ") as shown:
        KnownHosts(path).pin("10.0.0.1", 22, key)
    assert shown.value.hint is not None
    assert "this machine's disk" in shown.value.hint
