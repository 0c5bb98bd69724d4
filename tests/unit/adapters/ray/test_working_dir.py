"""What of a working directory is not uploaded, and what makes it unfit."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from adbray_ctl.adapters.ray.working_dir import list_files
from adbray_ctl.core.errors import UsageError


def test_files_by_their_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "main.py").write_text("x")
    (tmp_path / "data.bin").write_text("left out")
    (tmp_path / ".gitignore").write_text("*.bin\n")
    found = {file.path: file.size for file in list_files(tmp_path)}
    assert found["deep/main.py"] == 1
    assert "data.bin" not in found


def test_a_pipe_would_be_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="'pipe' is neither a file nor a directory"):
        list_files(tmp_path)
    (tmp_path / ".gitignore").write_text("pipe\n")
    assert [file.path for file in list_files(tmp_path)] == [".gitignore"]


def test_a_socket_cannot_be_packed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "s"))
        with pytest.raises(UsageError, match="'s' is neither"):
            list_files(tmp_path)


def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9")).touch()
    with pytest.raises(UsageError, match="not UTF-8"):
        list_files(tmp_path)
    above = tmp_path / os.fsdecode(b"above\xe9")
    above.mkdir()
    (above / "main.py").touch()
    assert [file.path for file in list_files(above)] == ["main.py"], "Ray packs no name above"


@pytest.mark.parametrize("pattern", [b"!", b"\\", b"caf\xe9"])
def test_a_pattern_that_cannot_be_read_is_named(pattern: bytes, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / ".gitignore").write_bytes(b"*.bin\n" + pattern + b"\n")
    with pytest.raises(UsageError, match="this pattern cannot be read") as caught:
        list_files(tmp_path)
    assert caught.value.where == f"{tmp_path}/deep/.gitignore:2"
