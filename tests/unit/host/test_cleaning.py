"""What lies on a slot's disk and what of it may go: real files and processes, no host."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adbray_host.cleaning import kinds, largest
from adbray_host.cleaning.held import Held
from adbray_host.cleaning.removal import free
from adbray_host.cleaning.survey import DEEPEST, Survey

OLD, NOW = "session_2026-09-01_12-00-00_1_2", "session_2026-09-02_12-00-00_1_2"
CORE = b"\x7fELF" + bytes(12) + struct.pack("<H", kinds.ET_CORE) + bytes(100)


def put(path: Path, data: bytes = b"x" * 5000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A head's disk with all that there can be."""
    disk = tmp_path / "head"
    ray = disk / "tmp" / "ray"
    put(ray / OLD / "sockets" / "x")
    put(ray / NOW / "ports.json")
    put(ray / NOW / "logs" / "raylet.out")
    put(ray / NOW / "logs" / "job-driver-1.log")
    put(ray / NOW / "runtime_resources" / "pip" / "abc" / "lib.so")
    (ray / "session_latest").symlink_to(f"/tmp/ray/{NOW}")  # noqa: S108
    put(disk / "spill" / "ray_spilled_objects_1" / "o")
    put(disk / "tmp" / "results" / "big.bin", b"x" * 50000)
    put(disk / "tmp" / "in_use.bin")
    put(disk / "tmp" / "core.17", CORE)
    put(disk / "tmp" / "core.txt")
    put(disk / "logs" / "scaling.json")
    put(disk / ".reserve" / "room")
    put(disk / "iso", b"x" * 20000)
    put(tmp_path / "outside" / "precious")
    (disk / "tmp" / "way_out").symlink_to(tmp_path / "outside")
    for path in (disk / "tmp").rglob("*"):
        os.lchown(path, 1234, 1234) if os.geteuid() == 0 else None
    return disk


@pytest.fixture
def user(disk: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has a file, and a log of Ray's, open."""
    log = disk / "tmp" / "ray" / NOW / "logs" / "raylet.out"
    with log.open("ab") as out, (disk / "tmp" / "in_use.bin").open("rb") as file:
        process = subprocess.Popen(["sleep", "600"], stdout=out, stdin=file)
    yield process
    process.kill()
    process.wait()


def survey(disk: Path, *, runs: bool) -> dict[str, dict[str, Any]]:
    """Without what other programs here hold open: this disk is a directory of theirs."""
    held = Held(str(disk))
    found = Survey(str(disk), runs, time.monotonic() + 60, held).items()
    own = [item for item in found if not item["path"].startswith("held by pid")]
    return {f"{item['what']}: {item['path']}": item for item in own}


def may(disk: Path, *, runs: bool) -> dict[str, str]:
    return {name: item["may"] for name, item in survey(disk, runs=runs).items()}


@pytest.mark.usefixtures("user")
def test_everything_has_an_owner(disk: Path) -> None:
    assert may(disk, runs=True) == {
        f"an ended session: tmp/ray/{OLD}": "free",
        f"files of a session: tmp/ray/{NOW}": "keep",
        f"logs in use: tmp/ray/{NOW}/logs": "keep",
        f"logs of ended processes: tmp/ray/{NOW}/logs": "free",
        f"packages and environments of jobs: tmp/ray/{NOW}/runtime_resources": "keep",
        "spilled objects: spill": "keep",
        "files of jobs: tmp/results": "ask",
        "files of jobs: tmp/in_use.bin": "keep",
        "files of jobs: tmp/core.txt": "ask",
        "files of jobs: tmp/way_out": "ask",
        "core files: tmp/core.17": "free",
        "files of an operator: iso": "ask",
        "what adbray writes down here: logs": "keep",
        "the room that adbray keeps for a start: .reserve": "keep",
    }


def test_what_a_node_that_does_not_run_left_may_all_go(disk: Path) -> None:
    found = may(disk, runs=False)
    assert found[f"an ended session: tmp/ray/{NOW}"] == "free"
    assert found[f"packages and environments of jobs: tmp/ray/{NOW}/runtime_resources"] == "free"
    assert found["spilled objects: spill"] == "free"
    assert found["files of jobs: tmp/in_use.bin"] == "ask"


def test_the_largest_comes_first(disk: Path) -> None:
    first = next(iter(survey(disk, runs=True).values()))
    assert first["path"] == "tmp/results"
    assert first["bytes"] >= 50_000


@pytest.mark.usefixtures("user")
def test_what_may_go_goes_and_nothing_else(disk: Path) -> None:
    held = Held(str(disk)).files
    for item in survey(disk, runs=True).values():
        if item["may"] != "keep":
            assert free(str(disk), item, held) == ""
    left = {str(p.relative_to(disk)) for p in disk.rglob("*") if p.is_file()}
    assert left == {
        f"tmp/ray/{NOW}/ports.json",
        f"tmp/ray/{NOW}/logs/raylet.out",
        f"tmp/ray/{NOW}/runtime_resources/pip/abc/lib.so",
        "spill/ray_spilled_objects_1/o",
        "tmp/in_use.bin",
        "logs/scaling.json",
        ".reserve/room",
    }
    assert (disk.parent / "outside" / "precious").exists()
    assert (disk / "tmp" / "ray" / "session_latest").is_symlink()


def test_a_way_that_became_a_link_leads_nowhere(disk: Path) -> None:
    """A job may put a link in the place of what was chosen, or of a directory on the way."""
    item = survey(disk, runs=True)[f"an ended session: tmp/ray/{OLD}"]
    outside = put(disk.parent / "outside" / OLD / "precious")
    (disk / "tmp" / "ray").rename(disk / "tmp" / "moved")
    (disk / "tmp" / "ray").symlink_to(disk.parent / "outside")
    assert "Not a directory" in free(str(disk), item, {})
    assert outside.exists()


def test_a_log_that_came_into_use_is_left(disk: Path) -> None:
    item = survey(disk, runs=True)[f"logs of ended processes: tmp/ray/{NOW}/logs"]
    log = disk / "tmp" / "ray" / NOW / "logs" / "job-driver-1.log"
    with log.open("ab"):
        assert free(str(disk), item, Held(str(disk)).files) == ""
    assert log.exists()
    assert not log.with_name("raylet.out").exists()


def test_deleted_files_that_are_held_open_are_shown(disk: Path) -> None:
    path = put(disk / "tmp" / "gone", b"x" * 100_000)
    with path.open("rb"):
        path.unlink()
        found = Held(str(disk)).deleted(str(disk))
    own = [item for item in found if item["path"] == f"held by pid {os.getpid()}"]
    assert {item["may"] for item in own} == {"keep"}
    assert 100_000 <= max(item["bytes"] for item in own) < 200_000


def test_a_mapped_file_is_in_use(disk: Path) -> None:
    import mmap

    path = disk / "tmp" / "results" / "big.bin"
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 4096)
    said = path.stat()
    assert (said.st_dev, said.st_ino) in Held(str(disk)).files
    mapped.close()


WHOSE = "an operator" if os.geteuid() == 0 else "jobs"


def test_a_tree_too_deep_to_walk_is_kept(disk: Path) -> None:
    """A process may have a file open where nothing was looked at."""
    deep = disk / "tmp" / "deep"
    deep.mkdir()
    subprocess.run(["mkdir", "-p", "/".join("d" * 5 for _ in range(600))], cwd=deep, check=True)
    found = survey(disk, runs=True)
    item = found[f"files of {WHOSE}: tmp/deep"]
    assert (item["may"], item["why"]) == ("keep", "not seen whole")
    assert found["files of jobs: tmp/results"]["may"] == "ask"
    subprocess.run(["rm", "-rf", str(deep)], check=True)


def test_an_ended_session_with_a_deep_tree_is_kept(disk: Path) -> None:
    (disk / "tmp" / "ray" / OLD / "/".join("d" * DEEPEST)).mkdir(parents=True)
    item = survey(disk, runs=True)[f"an ended session: tmp/ray/{OLD}"]
    assert (item["may"], item["why"]) == ("keep", "not seen whole")


def almost_full(disk: Path) -> dict[str, Any]:
    return {"path": str(disk), "size_mb": 1000, "used_mb": 990}


def test_a_directory_with_many_files_is_left_in_time(disk: Path) -> None:
    """The host must answer, however many files fill its disks."""
    many = disk / "aaa"
    many.mkdir()
    for number in range(3000):
        (many / str(number)).touch()
    held = Held(str(disk))
    look = Survey(str(disk), True, 0, held)
    asked = iter(range(-20, 10_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: next(asked))
        found = look.items()
    # Processes of this machine may hold deleted files of the same file system.
    here = [item for item in found if not item["path"].startswith("held by")]
    assert sum(item["files"] for item in here) <= 20
    assert all(item["may"] == "keep" for item in found if item["path"] == "aaa")


def test_looks_at_all_disks_share_their_time(disk: Path) -> None:
    disks = [almost_full(disk) for _ in range(40)]
    clock = iter(range(10_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: next(clock))
        largest.add(disks)
    assert next(clock) <= largest.LOOK_S + 1 + 2 * len(disks)
    assert all("largest" in use for use in disks)


def test_what_takes_the_most_of_a_full_disk_is_named(disk: Path) -> None:
    full, empty = almost_full(disk), {"path": str(disk), "size_mb": 1000, "used_mb": 1}
    largest.add([full, empty])
    assert full["largest"][0] == "files of jobs, 0 MiB in 1 file (tmp/results)"
    assert "largest" not in empty
