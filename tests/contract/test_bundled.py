"""What of other projects goes to hosts: enough to ask Redis, on each Python that is here."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from adbray_ctl.in_ray.uploads import asking
from tests import host_command
from tests.contract.redis_server import running_acl


def runs(python: str) -> bool:
    try:
        done = subprocess.run([python, "-c", ""], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


# This one, and those of hosts that are here beside it.
OTHERS = [python for python in (f"python3.{minor}" for minor in range(8, 15)) if runs(python)]
PYTHONS = [sys.executable, *OTHERS]


@pytest.mark.parametrize("python", PYTHONS)
def test_what_a_head_asks_needs_nothing_of_its_host(python: str, tmp_path: Path) -> None:
    login = ("ray", "secret")
    acl = f"user ray on >{login[1]} ~* +@all"
    (tmp_path / "acl").write_text(f"{acl}\n")
    (tmp_path / "password").write_text(f"{login[1]}\n")
    with running_acl(tmp_path, login, "--aclfile", str(tmp_path / "acl")) as server:
        keeper = dict.fromkeys(("me", "user", "address", "host_address", "state_file"), "x")
        ports = dict.fromkeys(("dashboard_port", "agent_port", "gcs_port", "raylet_port"), 1)
        store = {"address": server.text, "key": "k", "username": login[0]}
        store["password_file"] = str(tmp_path / "password")
        config = tmp_path / "keeper.json"
        config.write_text(json.dumps({**keeper, **ports, "hang_s": 1, "store": store}))
        command = [python, "-I", "-S", host_command.zipapp(), "store-memory", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "used_memory_dataset:" in done.stdout, done.stderr


def test_redis_comes_without_what_loads_all_of_it_and_with_its_licence() -> None:
    with zipfile.ZipFile(host_command.zipapp()) as archive:
        names = set(archive.namelist())
        assert archive.read("redis/__init__.py").startswith(b"# redis-py ")
    assert {"licences/redis/LICENSE", "licences/async-timeout/LICENSE"} <= names
    assert not {"redis/client.py", "redis/asyncio/__init__.py"} & names


def test_what_judges_uploads_asks_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = [sys.executable, "-I", "-S", host_command.zipapp()]
    monkeypatch.setattr(asking, "PROGRAM", program)
    config = tmp_path / "keeper.json"
    keeper = dict.fromkeys(("me", "user", "address", "host_address", "state_file"), "x")
    ports = dict.fromkeys(("dashboard_port", "agent_port", "gcs_port", "raylet_port"), 1)
    config.write_text(json.dumps({**keeper, **ports, "hang_s": 1, "store": None}))
    with pytest.raises(ConnectionError, match="not in Redis"):
        asking.memory(config)
    config.write_text(
        json.dumps(
            {**keeper, **ports, "hang_s": 1, "store": {"address": "127.0.0.1:1", "key": "k"}}
        )
    )
    with pytest.raises(ConnectionError, match="Connection refused"):
        asking.memory(config)
