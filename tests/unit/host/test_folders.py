"""A slot's files when its group gets another user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adbray_host import layout
from adbray_host.disks.folders import hand_over, runs

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


def test_a_unit_that_still_runs_as_the_user_of_before_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "PROC", str(tmp_path))
    for pid, uid, unit in ((7, BEFORE, "adbray-worker@g.w-1"), (8, NEW, "adbray-worker@g.w-0")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cgroup").write_text(f"0::/adbray.slice/{unit}.service\n")
        os.chown(tmp_path / str(pid), uid, uid)
    assert runs("adbray-worker@g.w-1.service", BEFORE)
    assert not runs("adbray-worker@g.w-0.service", BEFORE)
    assert not runs("adbray-worker@g.w-1.service", NEW)
