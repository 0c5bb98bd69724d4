"""Backups and bundles in memory and in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.adapters.state.archives import ArchiveFiles
from adbray_ctl.core.backup import Backup, Secrets
from adbray_ctl.core.bundle import Bundle
from adbray_ctl.core.errors import RefusedError, UsageError
from adbray_ctl.core.protocols.state import Archives
from adbray_ctl.testing.archives import FakeArchives

BACKUP = Backup(
    made_at=1,
    group="demo",
    namespace="demo-1",
    ray="2.60.0",
    spec="kind: RayCluster\n",
    secrets=Secrets(token="t", slot_key="k"),
    entries=(),
)
BUNDLE = Bundle(group="demo", files={"x.txt": "text"})


@pytest.fixture(params=["fake", "real"])
def archives(request: pytest.FixtureRequest) -> Archives:
    return FakeArchives() if request.param == "fake" else ArchiveFiles()


def test_a_backup_is_read_as_it_was_written(archives: Archives, tmp_path: Path) -> None:
    archives.write_backup(tmp_path / "b", BACKUP)
    assert archives.read_backup(tmp_path / "b") == BACKUP
    with pytest.raises(UsageError):
        archives.read_backup(tmp_path / "other")


def test_nothing_is_written_over_something(archives: Archives, tmp_path: Path) -> None:
    archives.write_backup(tmp_path / "b", BACKUP)
    with pytest.raises(RefusedError, match="there is a file already"):
        archives.write_backup(tmp_path / "b", BACKUP)
    archives.write_bundle(tmp_path / "c", BUNDLE, 1.0)
    with pytest.raises(RefusedError, match="there is a file already"):
        archives.write_bundle(tmp_path / "c", BUNDLE, 1.0)
    assert archives.read_backup(tmp_path / "b") == BACKUP
