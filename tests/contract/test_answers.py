"""A role waits until a unit answers; while other starts come first, its time does not run."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.adbray.ray.plugins.module_utils import answers
from ansible_collections.adbray.ray.plugins.module_utils.systemd import UnitError

HEAD = "adbray-head@g.service"
UTILS = "ansible_collections.adbray.ray.plugins.module_utils"


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(f"{UTILS}.adbray_host.layout.RUN", str(tmp_path))
    monkeypatch.setattr(f"{UTILS}.answers.journals", lambda _: "")
    return tmp_path / "turns.json"


def units(port: int) -> list[dict[str, Any]]:
    at = f"127.0.0.1:{port}"
    return [{"name": HEAD, "state": "started", "answers_at": at, "within_s": 0.3}]


def state(view: Path, name: str) -> None:
    view.write_text(json.dumps({"units": {HEAD: {"state": name}}}))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("shown", ["", "{", '{"units": {}}'])
def test_one_that_does_not_answer_is_given_up(view: Path, shown: str) -> None:
    view.write_text(shown)
    with pytest.raises(UnitError, match="does not answer"):
        answers.await_answers(units(closed_port()))


def test_the_time_begins_with_the_turn(view: Path) -> None:
    state(view, "waits")
    # Later than what is asserted: it may be a moment since it was last seen to wait.
    timer = threading.Timer(1.5, lambda: state(view, "starts"))
    began = time.monotonic()
    timer.start()
    with pytest.raises(UnitError):
        answers.await_answers(units(closed_port()))
    timer.join()
    assert time.monotonic() - began > 1
