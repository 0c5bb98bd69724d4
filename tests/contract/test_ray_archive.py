"""Archives of environments, as the control machine builds them."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from backports import zstd

from tests.contract.environments import PYTHON, Archive, build, module

VENV = Path("/opt/adbray/ray-1")
SITE = f"./lib/python{PYTHON}/site-packages"


def content(archive: Archive) -> tarfile.TarFile:
    """The environment. The first frame yields nothing: any reader of Zstandard skips it."""
    with zstd.open(archive.path) as file:
        return tarfile.open(fileobj=io.BytesIO(file.read()))


def text(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return build(tmp_path_factory.mktemp("built"), VENV, ray="1.0", six="1.0")


def test_the_same_packages_make_the_same_bytes(built: Archive, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = build(tmp_path / "somewhere" / "else", VENV, ray="1.0", six="1.0")
    finally:
        os.umask(before)
    assert again.path.read_bytes() == built.path.read_bytes()
    other = build(tmp_path / "other", Path("/srv/ray-1"), ray="1.0", six="1.0")
    assert other.digest != built.digest, "programs name the environment's path"


def test_nothing_names_the_machine_that_built_it(built: Archive) -> None:
    with content(built) as tar:
        for member in tar:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mode in (0o755, 0o644) or member.issym()
            assert not (member.issym() and member.linkname.startswith("/"))
            if member.isfile():
                assert str(built.path.parent).encode() not in text(tar, member.name), member.name


def test_programs_name_the_environments_python(built: Archive) -> None:
    with content(built) as tar:
        program = text(tar, "./bin/ray")
        record = text(tar, f"{SITE}/ray-1.0.dist-info/RECORD").decode()
    assert program.startswith(f"#!{VENV}/bin/python\n".encode())
    digest = urlsafe_b64encode(sha256(program).digest()).decode().rstrip("=")
    assert f"../../../bin/ray,sha256={digest},{len(program)}\n" in record


def test_bytecode_is_inside_and_checks_no_source(built: Archive) -> None:
    with content(built) as tar:
        names = [name for name in tar.getnames() if name.endswith(".pyc")]
        codes = [text(tar, name) for name in names if "/ray/" in name or "/six/" in name]
    assert len(codes) == 2
    # PEP 552: by hash, and never compared.
    assert {code[4:8] for code in codes} == {(1).to_bytes(4, "little")}
    assert all(f"{VENV}/lib/python".encode() in code for code in codes)


def test_the_checksum_is_beside_it(built: Archive) -> None:
    assert built.digest == sha256(built.path.read_bytes()).hexdigest()
    check = ["sha256sum", "--check", "--quiet", f"{built.path.name}.sha256"]
    subprocess.run(check, cwd=built.path.parent, check=True)


def test_what_is_there_is_not_built_again(built: Archive) -> None:
    arguments = {
        "dest": built.path,
        "venv": VENV,
        "requirements": ["ray", "six"],
        "python": PYTHON,
        "arch": "x86_64",
    }
    answer = module("ray_archive", arguments, PATH="/nowhere")
    assert (answer["changed"], answer["digest"]) == (False, built.digest)


def test_another_python_and_machine(tmp_path: Path) -> None:
    # None of them runs here.
    given = build(tmp_path, VENV, python="3.10", arch="aarch64", ray="1.0")
    with content(given) as tar:
        names = tar.getnames()
    assert "./lib/python3.10/site-packages/ray/__init__.py" in names
    assert {name.split("/")[2] for name in names if name.startswith("./lib/")} == {"python3.10"}


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    arguments = {
        "dest": tmp_path / "x.tar.zst",
        "venv": VENV,
        "requirements": ["nowhere-to-be-had"],
        "python": PYTHON,
        "arch": "x86_64",
    }
    answer = module("ray_archive", arguments, UV_OFFLINE="1", UV_NO_CACHE="1")
    assert "nowhere-to-be-had" in answer["msg"]
    assert not (tmp_path / "x.tar.zst").exists()
