"""A backup in its file: whole, its owner's alone, and never over something else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from adbray_ctl.adapters.state.backup_file import read_backup, write_backup
from adbray_ctl.core.backup import Backup, Entry, Secrets
from adbray_ctl.core.errors import RefusedError, UsageError

BACKUP = Backup(
    made_at=1.5,
    group="g",
    namespace="g-1",
    ray="2.60.0",
    spec="kind: RayCluster\nname: g\n",
    secrets=Secrets(token="t", redis_password="p", slot_key="k\n"),
    entries=(
        Entry(key="KV", kind="hash", values=("YQ==", "/w==", "Yg==", "")),
        Entry(key="JobCounter", kind="string", values=("NQ==",)),
    ),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "b"
    write_backup(path, BACKUP)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_backup(path) == BACKUP
    assert BACKUP.text == "group g, namespace g-1, 3 entries of its state"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_text("mine")
    with pytest.raises(RefusedError, match="left as it is"):
        write_backup(path, BACKUP)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no JSON"),
        gzip.compress(b'{"format": 2}'),
        gzip.compress(BACKUP.model_dump_json().encode())[:-9],
    ],
)
def test_what_is_no_backup_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_backup(path)
    assert caught.value.where == str(path)
    assert caught.value.what == "this is no backup of this adbray version"
    assert caught.value.hint == "name a file that this version's `adbray backup` wrote, whole"


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read: Is a directory") as caught:
        read_backup(tmp_path)
    assert caught.value.hint == "check the path, its owner and mode"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        write_backup(tmp_path / "no" / "b", BACKUP)
