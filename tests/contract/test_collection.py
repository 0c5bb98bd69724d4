"""The collection adbray.ray: what its artifact holds, and that it works without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# Beside what ansible-galaxy writes itself.
TOP_LEVEL = {"LICENSE", "adbray_host", "meta", "playbooks", "plugins", "roles"}
WRITTEN = {"FILES.json", "MANIFEST.json"}


def run(program: str, *arguments: str, home: Path) -> str:
    """What a program of this environment prints; it sees no other collections than ``home`` has."""
    tools = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if "ANSIBLE" not in name}
    environment |= {"HOME": str(home), "ANSIBLE_HOME": str(home), "ANSIBLE_NOCOLOR": "1"}
    environment["PATH"] = f"{tools}:{os.environ['PATH']}"
    command = [str(tools / program), *arguments]
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("artifact")
    run("ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(built), home=built)
    (found,) = built.glob("adbray-ray-*.tar.gz")
    return found


@pytest.fixture(scope="module")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the artifact is the only collection."""
    home = tmp_path_factory.mktemp("home")
    run("ansible-galaxy", "collection", "install", str(artifact), "--offline", home=home)
    return home


def test_its_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == project["version"]


def test_the_artifact_holds_what_plain_ansible_needs_and_nothing_else(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = {member.name for member in archive.getmembers() if member.isfile()}
    assert {name.partition("/")[0] for name in names} == TOP_LEVEL | WRITTEN
    assert "plugins/modules/slot_disks.py" in names
    assert not [name for name in names if "molecule" in name or "__pycache__" in name]


@pytest.mark.parametrize("playbook", ["site", "delete"])
def test_its_playbooks_are_found_where_it_is_installed(installed: Path, playbook: str) -> None:
    options = ("-i", "localhost,", "--syntax-check")
    assert f"adbray.ray.{playbook}" in run(
        "ansible-playbook", f"adbray.ray.{playbook}", *options, home=installed
    )


def test_a_module_runs_with_what_it_imports(installed: Path) -> None:
    options = ("localhost", "-m", "adbray.ray.slot_disks", "-a", "group=none slots=[]")
    python = f"ansible_python_interpreter={sys.executable}"
    assert '"changed": false' in run("ansible", *options, "-e", python, home=installed)
