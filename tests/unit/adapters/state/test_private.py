"""What holds secrets is refused where it is not its user's alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adbray_ctl.adapters.state.private import require_private
from adbray_ctl.adapters.state.secret_files import SecretFiles
from adbray_ctl.core.errors import UsageError

ANOTHER = 61001


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / ".adbray"
    SecretFiles(state, tmp_path / "cache", tmp_path / "package").create("demo")
    (state / "known_hosts").touch()
    return state


def test_what_adbray_makes_is_private(state: Path) -> None:
    require_private(state)
    # As a umask for groups of users leaves it.
    state.chmod(0o775)
    require_private(state)


def test_a_project_without_secrets_is_well(tmp_path: Path) -> None:
    require_private(tmp_path / ".adbray")


@pytest.mark.parametrize(
    ("name", "mode", "what"),
    [
        (".", 0o777, "others can change it"),
        ("known_hosts", 0o646, "others can change it"),
        ("secrets", 0o755, "others can read it"),
        ("secrets/demo", 0o710, "others can read it"),
        ("secrets/demo/token", 0o640, "others can read it"),
        ("secrets/demo/slot_key", 0o604, "others can read it"),
    ],
)
def test_what_others_reach_is_refused(state: Path, name: str, mode: int, what: str) -> None:
    (state / name).chmod(mode)
    with pytest.raises(UsageError) as caught:
        require_private(state)
    assert caught.value.what == f"{what} (mode {mode:04o})"
    assert caught.value.where == str(state / name)
    assert "chmod" in (caught.value.hint or "")


@pytest.mark.parametrize("name", [".", "known_hosts", "secrets/demo", "secrets/demo/token"])
def test_what_belongs_to_another_user_is_refused(state: Path, name: str) -> None:
    os.chown(state / name, ANOTHER, -1)
    with pytest.raises(UsageError, match=f"belongs to user {ANOTHER}, and adbray runs as root"):
        require_private(state)
