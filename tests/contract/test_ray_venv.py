"""Environments for Ray on hosts, made by the module itself from wheels that the test builds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
UV = Path(sys.executable).with_name("uv")


def wheel(folder: Path, name: str, *, script: str = "", version: str = "1.0") -> None:
    """One module, and with ``script`` a program of that name."""
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"WORD = '{name} {version}'\ndef main():\n    print(WORD)\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        files[f"{about}/entry_points.txt"] = f"[console_scripts]\n{script} = {name}:main\n"
    listed = "".join(f"{path},,\n" for path in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        for path, text in {**files, f"{about}/RECORD": listed}.items():
            file.writestr(path, text)


def archive(folder: Path, **versions: str) -> Path:
    """A tar file with these wheels, and with uv's own program as the module looks for it."""
    wheels = folder / "wheels"
    wheels.mkdir()
    for name, version in versions.items():
        wheel(wheels, name, version=version, script=name if name == "ray" else "")
    with zipfile.ZipFile(wheels / "uv-0-py3-none-any.whl", "w") as file:
        file.write(UV, "uv-0.data/scripts/uv")
    packed = folder / "archive.tar"
    with tarfile.open(packed, "w") as tar:
        for path in sorted(wheels.iterdir()):
            tar.add(path, arcname=path.name)
            path.unlink()
    wheels.rmdir()
    return packed


def install(venv: Path, packed: Path, *requirements: str) -> bool:
    """Run the module as Ansible does; whether it changed something."""
    arguments = {
        "state": "present",
        "path": str(venv),
        "python": PYTHON,
        "requirements": requirements,
        "archive": str(packed),
    }
    result = subprocess.run(
        [sys.executable, str(REPOSITORY / "plugins" / "modules" / "ray_venv.py")],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return bool(json.loads(result.stdout)["changed"])


def state(venv: Path) -> dict[str, tuple[int, int]]:
    """Every file but the marker: its inode, and when it was written."""
    found = {}
    for path in venv.rglob("*"):
        if path.is_file() and path.name != ".adbray.json":
            told = os.lstat(path)
            found[str(path.relative_to(venv))] = (told.st_ino, told.st_mtime_ns)
    return found


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment with ray and one package."""
    path = tmp_path / "ray-1"
    assert install(path, archive(tmp_path, ray="1.0", six="1.0"), "ray", "six")
    return path


def test_what_is_new_is_added_and_no_file_in_use_is_touched(venv: Path, tmp_path: Path) -> None:
    before = state(venv)
    # The archive has a newer one of what is there already.
    packed = archive(tmp_path, ray="1.0", six="2.0", later="1.0")
    assert install(venv, packed, "ray", "six", "later")
    after = state(venv)
    assert {name: after.get(name) for name in before} == before
    code = "import later, six; print(later.WORD, six.WORD)"
    told = subprocess.check_output([venv / "bin" / "python", "-c", code], text=True)
    assert told == "later 1.0 six 1.0\n"
    assert list(venv.rglob("later/__pycache__/*.pyc"))
    assert not packed.exists()
    assert not install(venv, packed, "ray", "six", "later"), "once more changes nothing"


def test_what_is_no_longer_asked_for_makes_it_anew(venv: Path, tmp_path: Path) -> None:
    assert install(venv, archive(tmp_path, ray="1.0", later="1.0"), "ray", "later")
    assert not list(venv.rglob("six"))
