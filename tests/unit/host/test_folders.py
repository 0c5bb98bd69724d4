"""A slot's files when its group gets another user."""

from __future__ import annotations

import os
from pathlib import Path

from adbray_host.disks.folders import hand_over

BEFORE, ROOT, OTHER, NEW = 61001, 0, 61002, 61003


def test_what_the_user_of_before_owns_is_the_new_one_s(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    deep = logs / "session" / "deep"
    deep.mkdir(parents=True)
    owners = {
        logs: BEFORE,
        logs / "session": BEFORE,
        deep: OTHER,
        deep / "mine": BEFORE,
        deep / "root's": ROOT,
    }
    (deep / "mine").touch()
    (deep / "root's").touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (logs / "link").symlink_to(outside)
    for path, uid in {**owners, outside: BEFORE, outside / "file": BEFORE}.items():
        os.chown(path, uid, uid)
    os.lchown(logs / "link", BEFORE, BEFORE)
    hand_over(str(logs), BEFORE, NEW, NEW)
    expected = {path: NEW if uid == BEFORE else uid for path, uid in owners.items()}
    assert {path: path.stat().st_uid for path in owners} == expected
    assert (logs / "link").lstat().st_uid == NEW
    assert {path.stat().st_uid for path in (outside, outside / "file")} == {BEFORE}
