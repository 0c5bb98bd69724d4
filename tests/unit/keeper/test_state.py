"""The keeper's state is written when it is new, and the next keeper reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adbray_host.keeper.state import StateFile


def test_only_what_is_new_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "state.json"
    state = StateFile(str(path), "a")
    assert not state.read(), "no keeper ran here before"
    state.write("waits", leader="b")
    state.write("waits", leader="b")
    state.write("leads", leader="a")
    assert capsys.readouterr().out.splitlines() == ["waits (b leads)", "leads"]
    shown = json.loads(path.read_text())
    assert (shown["state"], shown["leader"], shown["detail"]) == ("leads", "a", "")
    assert StateFile(str(path), "a").read() == "leads"


@pytest.mark.parametrize("text", ["", "{", "{}"])
def test_a_file_that_cannot_be_read_is_no_state(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    assert not StateFile(str(path), "a").read()
