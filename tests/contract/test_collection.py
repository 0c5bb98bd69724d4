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
TOP_LEVEL = {"LICENSE", "adbray_ctl", "adbray_host", "meta", "playbooks", "plugins", "roles"}
WRITTEN = {"FILES.json", "MANIFEST.json"}


def run(program: str, *arguments: str, home: Path) -> str:
    """What a program of this environment prints; it sees no other collections than ``home`` has."""
    tools = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if "ANSIBLE" not in name}
    environment |= {"HOME": str(home), "ANSIBLE_HOME": str(home), "ANSIBLE_NOCOLOR": "1"}
    # The package is installed from the checkout, which is on the path of Python.
    environment["ANSIBLE_COLLECTIONS_SCAN_SYS_PATH"] = "false"
    environment["PATH"] = f"{tools}:{os.environ['PATH']}"
    command = [str(tools / program), *arguments]
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(artifact: Path) -> set[str]:
    with tarfile.open(artifact) as archive:
        return {member.name for member in archive.getmembers() if member.isfile()}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("artifact")
    run("python", str(ROOT / "scripts" / "collection.py"), "tree", home=built)
    run("ansible-galaxy", "collection", "build", "tree", home=built)
    (found,) = built.glob("adbray-ray-*.tar.gz")
    return found


@pytest.fixture(scope="module")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the artifact is the only collection."""
    home = tmp_path_factory.mktemp("home")
    run("ansible-galaxy", "collection", "install", str(artifact), "--offline", home=home)
    return home


def test_ansible_galaxy_alone_packs_the_same_but_for_the_program(
    artifact: Path, tmp_path: Path
) -> None:
    """What galaxy.yml leaves out of a build from the checkout."""
    arguments = ("collection", "build", str(ROOT), "--output-path", str(tmp_path))
    run("ansible-galaxy", *arguments, home=tmp_path)
    (plain,) = tmp_path.glob("adbray-ray-*.tar.gz")
    assert files(artifact) - files(plain) == {"roles/host_base/files/adbray_host.pyz"}
    assert not files(plain) - files(artifact)


def test_its_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == project["version"]


def test_the_artifact_holds_what_plain_ansible_needs_and_nothing_else(artifact: Path) -> None:
    names = files(artifact)
    assert {name.partition("/")[0] for name in names} == TOP_LEVEL | WRITTEN
    assert "plugins/modules/slot_disks.py" in names
    assert "roles/host_base/files/adbray_host.pyz" in names
    assert {name for name in names if name.startswith("adbray_ctl/")} == {
        str(path.relative_to(ROOT))
        for room in ("provider", "in_ray")
        for path in (ROOT / "adbray_ctl" / room).rglob("*.py")
    }
    assert not [name for name in names if "molecule" in name or "__pycache__" in name]


@pytest.mark.parametrize("playbook", ["site", "delete"])
def test_its_playbooks_are_found_where_it_is_installed(installed: Path, playbook: str) -> None:
    options = ("-i", "localhost,", "--syntax-check")
    shown = run("ansible-playbook", f"adbray.ray.{playbook}", *options, home=installed)
    path = installed / "collections/ansible_collections/adbray/ray/playbooks" / f"{playbook}.yml"
    assert f"playbook: {path}" in shown


def test_a_module_runs_with_what_it_imports(installed: Path) -> None:
    words = '{"group": "none", "user": "root", "slots": []}'
    options = ("localhost", "-m", "adbray.ray.slot_disks", "-a", words)
    python = f"ansible_python_interpreter={sys.executable}"
    assert '"changed": false' in run("ansible", *options, "-e", python, home=installed)


@pytest.mark.parametrize("role", ["ray_head", "ray_worker", "redis", "worker_disk"])
def test_each_step_brings_the_program_that_its_units_name(installed: Path, role: str) -> None:
    """A step runs the roles of what changes alone; an older version may have prepared the host."""
    options = ("-i", "localhost,", "--list-tasks", "--tags", role)
    tasks = run("ansible-playbook", "adbray.ray.site", *options, home=installed)
    assert "Ensure the program that runs on hosts" in tasks
