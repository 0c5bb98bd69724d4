"""Environments for Ray on hosts, unpacked by the module itself from what the test builds."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from ansible_collections.adbray.ray.plugins.module_utils.archive import HEADER
from tests.contract.environments import PYTHON, Archive, build, module


def install(venv: Path, given: Archive, *requirements: str) -> dict[str, Any]:
    """What the module answers, as a host that got the archive."""
    handed = venv.parent / ".archive.tar.zst"
    shutil.copy(given.path, handed)
    arguments = {
        "state": "present",
        "path": venv,
        "python": PYTHON,
        "requirements": requirements,
        "archive": handed,
        "digest": given.digest,
    }
    return module("ray_venv", arguments)


def query(venv: Path, *requirements: str) -> dict[str, Any]:
    return module(
        "ray_venv",
        {"state": "query", "path": venv, "python": PYTHON, "requirements": requirements},
    )


def state(venv: Path) -> dict[str, tuple[int, int]]:
    """Every file but the marker: its inode, and when it was written."""
    found = {}
    for path in venv.rglob("*"):
        if path.is_file() and path.name != ".adbray.json":
            status = os.lstat(path)
            found[str(path.relative_to(venv))] = (status.st_ino, status.st_mtime_ns)
    return found


def leftovers(host: Path) -> list[str]:
    return [path.name for path in host.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an environment will be, on what stands for a host."""
    return tmp_path_factory.mktemp("host") / "adbray" / "ray-1"


@pytest.fixture(scope="module")
def first(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Of ray and one package."""
    return build(tmp_path_factory.mktemp("first"), place, ray="1.0", six="1.0")


@pytest.fixture
def venv(place: Path, first: Archive) -> Path:
    """The environment of the first archive, on a host that has no more."""
    if place.parent.exists():
        shutil.rmtree(place.parent)
    place.parent.mkdir()
    assert install(place, first, "ray", "six").get("changed")
    return place


def test_a_host_gets_all_of_it(venv: Path, first: Archive) -> None:
    ray = venv / "bin" / "ray"
    assert ray.read_text().startswith(f"#!{venv}/bin/python\n")
    assert subprocess.check_output([ray], text=True) == "ray 1.0\n"
    activated = f". {venv}/bin/activate && command -v ray"
    assert subprocess.check_output(["sh", "-c", activated], text=True).strip() == str(ray)
    code = "import ray, sys; print(ray.__cached__, sys.prefix)"
    python = subprocess.check_output([venv / "bin" / "python", "-c", code], text=True)
    cached, prefix = python.split()
    assert Path(cached).is_file()
    assert prefix == str(venv)
    assert not leftovers(venv.parent)
    assert query(venv, "ray", "six")["digest"] == first.digest


def test_its_python_is_the_hosts(venv: Path) -> None:
    home = (venv / "bin" / "python").readlink().parent
    assert str(home) in ("/usr/bin", "/usr/local/bin", "/opt/python/bin")
    assert f"home = {home}\n" in (venv / "pyvenv.cfg").read_text()


def test_one_of_the_build_before_is_fine(venv: Path, first: Archive) -> None:
    (venv / ".adbray.json").write_text(
        json.dumps({"python": PYTHON, "requirements": ["ray", "six"]})
    )
    before = state(venv)
    answer = query(venv, "ray", "six")
    assert (answer["needed"], answer["digest"]) == (False, "")
    assert not install(venv, first, "ray", "six")["changed"]
    assert state(venv) == before


def test_what_is_new_is_added_and_no_file_in_use_is_touched(venv: Path, tmp_path: Path) -> None:
    before = state(venv)
    # The archive has a newer one of what is there already.
    given = build(tmp_path / "second", venv, ray="1.0", six="2.0", later="1.0")
    assert install(venv, given, "ray", "six", "later").get("changed")
    after = state(venv)
    assert {name: after.get(name) for name in before} == before
    code = "import later, six; print(later.WORD, six.WORD)"
    words = subprocess.check_output([venv / "bin" / "python", "-c", code], text=True)
    assert words == "later 1.0 six 1.0\n"
    assert [path.name for path in venv.rglob("six-*")] == ["six-1.0.dist-info"]
    assert list(venv.rglob("later/__pycache__/*.pyc"))
    assert not leftovers(venv.parent)
    assert query(venv, "ray", "six", "later")["digest"] == "", "these are not an archive's bytes"
    again = install(venv, given, "ray", "six", "later")
    assert not again["changed"], "once more changes nothing"


def test_what_is_no_longer_asked_for_makes_another(venv: Path, tmp_path: Path) -> None:
    given = build(tmp_path / "second", venv, ray="1.0", later="1.0")
    assert install(venv, given, "ray", "later").get("changed")
    assert not list(venv.rglob("six"))
    assert not leftovers(venv.parent)


def test_what_was_broken_off_is_made_whole(venv: Path, first: Archive) -> None:
    (venv / ".adbray.json").unlink()
    shutil.rmtree(venv / "bin")
    (venv.parent / ".install-killed").mkdir()
    assert install(venv, first, "ray", "six").get("changed")
    assert (venv / "bin" / "ray").exists()
    assert not leftovers(venv.parent)


def test_files_that_a_lost_boot_took_along_come_again(venv: Path, first: Archive) -> None:
    marker = json.loads((venv / ".adbray.json").read_text())
    (venv / ".adbray.json").write_text(json.dumps({**marker, "boot": "another"}))
    assert not query(venv, "ray", "six")["needed"], "it lacks nothing"
    module_file = next(venv.rglob("six/__init__.py"))
    module_file.write_bytes(b"")
    assert query(venv, "ray", "six")["needed"]
    assert install(venv, first, "ray", "six").get("changed")
    assert module_file.read_bytes()
    assert not query(venv, "ray", "six")["needed"]


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_truncated_archive_changes_nothing(
    venv: Path, first: Archive, tmp_path: Path, kept: int
) -> None:
    before = state(venv)
    short = tmp_path / "short"
    short.write_bytes(first.path.read_bytes()[:kept])
    answer = install(venv, Archive(path=short, digest=first.digest), "ray", "later")
    assert f"{venv.parent}/.archive.tar.zst is not the archive that was built" in answer["msg"]
    assert "remove archive.tar.zst from the control machine's cache" in answer["msg"]
    assert state(venv) == before
    assert not [name for name in leftovers(venv.parent) if name.startswith(".install")]


def changed(given: Archive, folder: Path, *, without: str = "", cut: int = 0) -> Archive:
    """Another archive that is what it says: lacking files, or with a stream that breaks off."""
    content = given.path.read_bytes()
    at = HEADER.size + HEADER.unpack(content[: HEADER.size])[1]
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(zstd.decompress(content[at:]))) as old,
        tarfile.open(fileobj=packed, mode="w") as new,
    ):
        for member in old:
            if not (without and without in member.name):
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
    path = folder / "changed.tar.zst"
    path.write_bytes(content[:at] + zstd.compress(packed.getvalue())[: cut or None])
    return Archive(path=path, digest=hashlib.sha256(path.read_bytes()).hexdigest())


def test_an_unpack_that_breaks_off_leaves_nothing(
    venv: Path, first: Archive, tmp_path: Path
) -> None:
    before = state(venv)
    answer = install(venv, changed(first, tmp_path, cut=-100), "ray", "later")
    assert "cannot unpack the environment" in answer["msg"]
    assert state(venv) == before
    assert not [name for name in leftovers(venv.parent) if name.startswith(".install")]


def test_what_does_not_run_here_changes_nothing(venv: Path, first: Archive, tmp_path: Path) -> None:
    before = state(venv)
    answer = install(venv, changed(first, tmp_path, without="packages/ray"), "other")
    assert "Ray cannot run on this host" in answer["msg"]
    assert state(venv) == before


def test_a_host_compiles_what_came_without_bytecode(
    venv: Path, first: Archive, tmp_path: Path
) -> None:
    shutil.rmtree(venv)
    assert install(venv, changed(first, tmp_path, without="__pycache__"), "ray", "six").get(
        "changed"
    )
    assert list(venv.rglob(f"ray/__pycache__/*{sys.version_info.minor}.pyc"))
