"""With what Ray starts on a slot, and what is removed before and after."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray._private import ray_constants
from ray._private import services as ray_services

from adbray_ctl.core.observed.status import START_LABEL
from adbray_host import layout
from adbray_host.start import command, head, ray
from tests import host_command

MIB = 2**20
GIVEN = {"INVOCATION_ID": "ab" * 16, "PATH": "/bin", "RAY_RUNTIME_ENV_PIP_CACHE_SIZE_GB": "7"}


@pytest.fixture
def slot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Its disk, a plain folder whose tmp is the slot's /tmp."""
    for name in ("tmp", "spill", "logs"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(layout, "TMP", str(tmp_path / "tmp"))
    return tmp_path


def session(slot: Path, name: str, at: float) -> Path:
    folder = slot / "tmp" / "ray" / f"session_{name}"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "raylet.out").write_text(name)
    (folder / "sockets").mkdir()
    os.utime(folder, (at, at))
    return folder


def environment(slot: Path, store_mb: int, **given: str) -> dict[str, str]:
    return ray.environment(
        {**GIVEN, **given}, node="w-0", spill=str(slot), store_mb=store_mb, direct=["10.0.0.1"]
    )


def test_the_environment_is_by_the_disk_and_by_this_start(slot: Path) -> None:
    size = shutil.disk_usage(slot).total
    found = environment(slot, int(0.3 * size / MIB) - 64)
    assert found["RAY_CLOUD_INSTANCE_ID"] == "w-0." + "ab" * 16
    assert found["RAY_ROTATION_MAX_BYTES"] == str(size // 480)
    assert float(found["RAY_local_fs_capacity_threshold"]) == pytest.approx(0.7, abs=0.002)
    assert float(found["RAY_RUNTIME_ENV_UV_CACHE_SIZE_GB"]) == pytest.approx(
        size / 10 / 2**30, rel=1e-3, abs=1e-3
    )
    assert found["RAY_RUNTIME_ENV_PIP_CACHE_SIZE_GB"] == "7", "what the spec says stays"
    assert found["PATH"] == "/bin"
    assert found["RAY_gcs_grpc_max_reconnect_backoff_ms"] == "500"
    slow = environment(slot, 1, RAY_gcs_grpc_max_reconnect_backoff_ms="2000")
    assert slow["RAY_gcs_grpc_max_reconnect_backoff_ms"] == "2000", "as the spec says"


@pytest.mark.parametrize(("store_mb", "share"), [(0, "0.950"), (2**40, "0.500")])
def test_the_share_of_the_disk_has_bounds(slot: Path, store_mb: int, share: str) -> None:
    assert environment(slot, store_mb)["RAY_local_fs_capacity_threshold"] == share


@pytest.mark.parametrize(
    ("given", "past"),
    [
        ({}, "localhost,127.0.0.1,::1,10.0.0.1"),
        ({"NO_PROXY": ".lan"}, ".lan,localhost,127.0.0.1,::1,10.0.0.1"),
        ({"no_proxy": ".lan", "NO_PROXY": ".other"}, ".lan,localhost,127.0.0.1,::1,10.0.0.1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_the_head_is_reached_without_a_proxy(slot: Path, given: dict[str, str], past: str) -> None:
    found = environment(slot, 1, **given)
    assert (found["no_proxy"], found["NO_PROXY"]) == (past, past)


def test_a_head_goes_on_with_the_logs_of_its_last_session(slot: Path) -> None:
    old, last = session(slot, "2026-01", 1), session(slot, "2026-02", 2)
    (last / ".hidden").touch()
    (slot / "tmp" / "ray" / "ray_current_cluster").touch()
    (slot / "spill" / ".part").mkdir()
    head.tidy(str(slot))
    assert not old.exists()
    assert [path.name for path in last.iterdir()] == ["logs"]
    assert (last / "logs" / "raylet.out").exists()
    assert not list((slot / "spill").iterdir())
    assert not (slot / "tmp" / "ray" / "ray_current_cluster").exists()


def test_the_password_is_no_part_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    plain = {"group": "g", "disk": "/d", "address": "10.0.0.1", "object_store_mb": 100}
    config = tmp_path / "start_head.json"
    config.write_text(json.dumps({**plain, "redis_username": "ray"}))
    assert head.login(head.load(str(config))) == []
    more = {"redis_username": "ray", "redis_password_file": str(tmp_path / "password")}
    config.write_text(json.dumps({**plain, **more}))
    assert head.login(head.load(str(config))) == [
        "--redis-username=ray",
        "--redis-password=secret",
    ]


def worker(slot: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = host_command.command({"layout.TMP": slot / "tmp"}, "start-worker", *words)
    environment = {"INVOCATION_ID": "cd" * 16, "PATH": os.environ["PATH"]}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_a_worker_starts_ray_with_that_environment(slot: Path) -> None:
    python = slot / "python"
    python.write_text('#!/bin/sh\necho "ARGUMENTS=$*"\nenv\n')
    python.chmod(0o755)
    ray_words = ("start", "--block", "--labels=a=b", "--num-cpus=1")
    words = ("10.0.0.1,10.0.0.2", str(slot / "ray"), *ray_words)
    done = worker(slot, "run", "w-3", str(slot), "100", *words)
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert found["ARGUMENTS"].endswith(
        f" start-ray start --labels=a=b,{START_LABEL}={'cd' * 16} --num-cpus=1"
    )
    assert found["RAY_CLOUD_INSTANCE_ID"] == "w-3." + "cd" * 16
    assert found["no_proxy"].endswith("::1,10.0.0.1,10.0.0.2")


@pytest.mark.parametrize(
    ("process", "niceness"),
    [
        ("GCS_SERVER", 0),
        ("RAYLET", 0),
        ("DASHBOARD", 10),
        ("MONITOR", 10),
        ("RAY_CLIENT_SERVER", 10),
        ("LOG_MONITOR", 10),
    ],
)
def test_what_no_node_waits_for_comes_behind(process: str, niceness: int) -> None:
    """By the names that this Ray has for its processes, and the function that starts them."""
    name: str = getattr(ray_constants, f"PROCESS_TYPE_{process}")
    assert list(signature(ray_services.start_ray_process).parameters)[:2] == [
        "command",
        "process_type",
    ]

    def start_ray_process(words: list[str], _name: str, *, fate_share: bool) -> SimpleNamespace:
        assert fate_share
        return SimpleNamespace(process=subprocess.Popen(words))

    services = SimpleNamespace(start_ray_process=start_ray_process)
    command.put_behind(services)
    process_info = services.start_ray_process(["sleep", "60"], name, fate_share=True)
    with process_info.process as running:
        try:
            wanted = niceness or os.getpriority(os.PRIO_PROCESS, 0)
            assert os.getpriority(os.PRIO_PROCESS, running.pid) == wanted
        finally:
            running.kill()


def test_a_worker_s_logs_are_moved_and_the_rest_goes(slot: Path) -> None:
    session(slot, "2026-02", 2)
    os.mkfifo(slot / "tmp" / "fifo")
    (slot / "spill" / "objects").mkdir()
    (slot / "spill" / "objects" / "1").touch()
    done = worker(slot, "end", str(slot))
    assert (done.returncode, done.stderr) == (0, "")
    assert not list((slot / "spill").iterdir())
    assert [path.name for path in (slot / "tmp").iterdir()] == []
    (kept,) = (slot / "logs").iterdir()
    assert (kept / "raylet.out").read_text() == "2026-02"


def test_what_a_loss_of_power_left_is_removed_before_a_worker_starts(slot: Path) -> None:
    (slot / "spill" / "1").touch()
    old, last = session(slot, "2026-01", 1), session(slot, "2026-02", 2)
    done = worker(slot, "begin", str(slot))
    assert (done.returncode, done.stderr) == (0, "")
    assert not list((slot / "spill").iterdir())
    assert (old.exists(), last.exists()) == (False, True)
    assert len(list((slot / "logs").iterdir())) == 2


def test_wrong_words_are_refused(slot: Path) -> None:
    for words in ((), ("begin",), ("run", "w-0")):
        done = worker(slot, *words)
        assert done.returncode == 2
        assert "begin DISK" in done.stderr
