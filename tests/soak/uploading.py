"""Uploads of distinct directories by three ways in, and what the store holds meanwhile."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from adbray_host.redis_client import opened
from tests.e2e.conftest import REPOSITORY, Project, Result, run

GROUP = "uploads"
SPEC = """
kind: RayCluster
name: uploads
ray: {version: 2.60.0, python: "3.11"}
head: {size: micro, disk_gb: 4}
redis: {mode: managed, maxmemory_mb: 128}
worker_groups:
  - {name: small, size: nano, disk_gb: 4, min_workers: 1, max_workers: 1}
"""
MIB = 2**20
# A job that was let in says so after it has read what was uploaded.
CHECK = """
import hashlib, pathlib
want = pathlib.Path("sum").read_text()
assert hashlib.sha256(pathlib.Path("data.bin").read_bytes()).hexdigest() == want
print("intact")
"""
CLIENT = """
import sys, ray
ray.init(sys.argv[1], runtime_env={"working_dir": sys.argv[2]}, log_to_driver=False)

@ray.remote(num_cpus=0)
def check():
    exec(open("check.py").read())
    return "intact"

print(ray.get(check.remote(), timeout=300))
"""
# What a refusal must say: what is free, and what to do.
REFUSED = ("has room for", "are taken", "try again", "redis.maxmemory_mb")


@dataclass
class Tally:
    """What became of the uploads of one way."""

    way: str
    jobs: list[str] = field(default_factory=list)
    right: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    made: int = 0

    @property
    def text(self) -> str:
        ends = f"{self.right} right, {self.refused} refused, {len(self.wrong)} wrong"
        waiting = f", {len(self.jobs)} jobs let in" if self.jobs else ""
        return f"{self.way}: {self.made} made, {ends}{waiting}"


@dataclass(frozen=True)
class Sample:
    """What Redis said: seconds since the beginning, and MiB."""

    at_s: float
    used: float
    data: float
    rss: float


class Uploads:
    """Submits to the group of ``project`` from folders that it makes and removes."""

    def __init__(self, project: Project, folder: Path, size: int) -> None:
        self._project = project
        self._folder = folder
        self._size = size
        self._addresses = project.json("addresses", GROUP)
        self._environment = os.environ | {
            "RAY_ADDRESS": self._addresses["dashboard"],
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(project.directory / ".adbray" / "secrets" / GROUP / "token"),
        }

    def directory(self) -> Path:
        """A new one of that size, unlike all others."""
        path = self._folder / f"{random.getrandbits(64):016x}"
        path.mkdir()
        data = os.urandom(self._size)
        (path / "data.bin").write_bytes(data)
        (path / "sum").write_text(hashlib.sha256(data).hexdigest())
        (path / "check.py").write_text(CHECK)
        return path

    def by_adbray(self, tally: Tally, path: Path) -> None:
        words = ("job", "submit", GROUP, "--no-wait", "--working-dir", str(path), "--submission-id")
        result = self._project.adbray(*words, path.name, "--", "python", "check.py")
        _note(tally, result, path.name)

    def by_ray(self, tally: Tally, path: Path) -> None:
        ray = [str(Path(sys.executable).with_name("ray")), "job", "submit", "--no-wait"]
        words = ["--submission-id", path.name, "--working-dir", str(path), "--", "python"]
        result = self._run([*ray, *words, "check.py"])
        _note(tally, result, path.name)

    def by_client(self, tally: Tally, path: Path) -> None:
        result = self._run([sys.executable, "-c", CLIENT, self._addresses["client"], str(path)])
        _note(tally, result, "")
        tally.right += result.code == 0 and "intact" in result.out

    def paced(self, way: Callable[[Tally, Path], None], tally: Tally, count: int, s: float) -> None:
        """``count`` uploads within ``s`` seconds, or as fast as they go."""
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(began + number * s / count - time.monotonic(), 0))
            path = self.directory()
            try:
                way(tally, path)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                tally.wrong.append(repr(error)[-2000:])
            finally:
                tally.made += 1
                shutil.rmtree(path)

    def settle(self, tally: Tally, within_s: float) -> None:
        """Await the end of the jobs that were let in."""
        deadline = time.monotonic() + within_s
        waiting = set(tally.jobs)
        while waiting and time.monotonic() < deadline:
            for job in self._project.json("job", "list", GROUP):
                if job["id"] in waiting and job["status"] in ("SUCCEEDED", "FAILED", "STOPPED"):
                    waiting.remove(job["id"])
                    tally.right += job["status"] == "SUCCEEDED"
                    if job["status"] != "SUCCEEDED":
                        tally.wrong.append(f"{job['id']}: {job['message']}")
            time.sleep(2)
        tally.wrong.extend(f"{job} has not ended" for job in waiting)

    def _run(self, command: list[str]) -> Result:
        return run(command, timeout_s=600, cwd=REPOSITORY, env=self._environment)


def _note(tally: Tally, result: Result, job: str) -> None:
    if result.code == 0:
        if job:
            tally.jobs.append(job)
    elif all(word in result.err + result.out for word in REFUSED):
        tally.refused += 1
    else:
        tally.wrong.append((result.out + result.err)[-2000:])


class Watch:
    """Samples Redis until it is closed. ``samples`` are in the order of time.

    Each is a line of ``curve``, a CSV file, as soon as it is there: a run that is ended early
    leaves its figures.
    """

    def __init__(self, project: Project, every_s: float, curve: Path) -> None:
        self._curve = curve
        self._curve.write_text("seconds,used_mib,data_mib,rss_mib\n")
        secrets = project.directory / ".adbray" / "secrets" / GROUP
        self._redis = opened(
            f"rediss://{project.json('addresses', GROUP)['redis']}",
            "ray",
            project.secret("redis_password", GROUP),
            10,
            str(secrets / "redis.crt"),
            own=True,
        )
        self._every_s = every_s
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._ends.set()
        self._thread.join()

    def _look(self) -> None:
        began = time.monotonic()
        with closing(self._redis):
            while not self._ends.wait(self._every_s):
                text = str(self._redis.ask("INFO", "memory"))
                memory = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
                names = ("used_memory", "used_memory_dataset", "used_memory_rss")
                figures = [int(memory[name]) / MIB for name in names]
                at_s = time.monotonic() - began
                self.samples.append(Sample(at_s, *figures))
                with self._curve.open("a") as curve:
                    curve.write(
                        ",".join([f"{at_s:.0f}", *(f"{one:.1f}" for one in figures)]) + "\n"
                    )


def lives(project: Project) -> Counter[str]:
    """Which run of the head this is: systemd's id of it, and the GCS' process."""
    host = project.json("status", GROUP)["slots"][0]["host"]
    unit = f"adbray-head@{GROUP}.service"
    found = project.on(host, f"systemctl show -P InvocationID {unit}; pidof gcs_server")
    return Counter(found.split())
