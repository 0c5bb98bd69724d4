"""Uploads through Ray's real dashboard, into its real GCS, on a real Redis of 128 MiB."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from adbray_ctl.in_ray.uploads.room import MIB
from tests.contract.ray_parts import client_server, dashboard, gcs, put, settings_of_the_unit
from tests.contract.redis_server import running_acl

# Longer than the five uploads take on a busy machine.
KEPT_S = 40
# What ray.init(runtime_env=...) does in a driver on the cluster.
_DRIVER = """
import os, sys
from ray._private.runtime_env import packaging
from ray._raylet import GcsClient
from ray.experimental import internal_kv

internal_kv._initialize_internal_kv(GcsClient(address=sys.argv[1]))
packaging.upload_package_to_gcs("gcs://_ray_pkg_small.zip", b"x" * 1000)
print("small taken")
packaging.upload_package_to_gcs("gcs://_ray_pkg_large.zip", os.urandom(45 * 2**20))
"""
# And in one elsewhere, which asks the Ray client server.
_CLIENT = """
import os, pathlib, sys, ray
folder = pathlib.Path(sys.argv[2])
folder.mkdir()
(folder / "large").write_bytes(os.urandom(45 * 2**20))
ray.init(f"ray://127.0.0.1:{sys.argv[1]}", runtime_env={"working_dir": str(folder)})
"""


@pytest.mark.timeout(600)
def test_packages_past_the_share_are_refused_until_others_have_gone(tmp_path: Path) -> None:
    limits = ("--maxmemory", str(128 * MIB), "--maxmemory-policy", "noeviction")
    data, state = tmp_path / "data", tmp_path / "gcs"
    data.mkdir()
    state.mkdir()
    with (
        running_acl(data, ("", ""), *limits) as redis,
        gcs(redis, state, settings_of_the_unit()) as one,
        dashboard(one, redis, tmp_path, KEPT_S) as (port, environment),
    ):
        answers = [put(port, 20 * MIB) for _ in range(5)]
        assert [status for status, _ in answers] == [200, 200, 200, 507, 507]
        for said in ("has room for", "of 104.0 MiB are taken", "try again", "redis.maxmemory_mb"):
            assert said in answers[-1][1]
        # Who uploads little goes on meanwhile.
        assert put(port, MIB // 10)[0] == 200
        driver = _run(_DRIVER, [one.address], environment)
        assert "small taken" in driver.stdout, driver.stderr
        assert "takes 40.0 MiB at most" in driver.stderr
        with client_server(one, environment) as clients:
            client = _run(_CLIENT, [str(clients), str(tmp_path / "large")], environment)
        assert "takes 40.0 MiB at most" in client.stderr
        deadline = time.monotonic() + 10 * KEPT_S
        while one.client.internal_kv_keys(b"gcs://", None, timeout=30):
            assert time.monotonic() < deadline, "packages that no job uses are still there"
            time.sleep(1)
        assert put(port, 20 * MIB) == (200, "")
        assert one.process.poll() is None


def _run(
    program: str, words: list[str], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=240,
    )
