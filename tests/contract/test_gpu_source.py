"""A driver is not changed over one that came another way: the role's own tasks, run here.

They only look, and what they look at is made up: dpkg's database and the installer's trace.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAY = """\
- name: Look
  hosts: all
  gather_facts: false
  environment: {DPKG_ADMINDIR: "{{ dpkg }}"}
  tasks:
    - name: Look at what is here
      ansible.builtin.include_role:
        name: adbray.ray.gpu
        tasks_from: source
      vars: {_gpu_family: debian, _gpu_uninstaller: "{{ uninstaller }}"}
"""


class Case(NamedTuple):
    """What is wanted, what is there, and the packages that are to go, if that is refused."""

    driver: str
    packages: tuple[str, ...] = ()
    state: str = "installed"
    installer: bool = False
    purged: tuple[str, ...] = ()


DEBIAN = ("nvidia-kernel-dkms", "nvidia-alternative")
DEBIAN_470 = ("nvidia-tesla-470-kernel-dkms", "nvidia-tesla-470-alternative")
UBUNTU = ("nvidia-dkms-535-server", "nvidia-kernel-common-535-server")
BUILT = ("linux-modules-nvidia-535-server-6.8.0-45-generic", "libnvidia-compute-535-server")
LIBRARIES = ("libnvidia-compute-535-server", "nvidia-alternative")
CASES = {
    "debian": Case("runfile", (*DEBIAN, "libcuda1"), purged=DEBIAN),
    "debian-470": Case("runfile", DEBIAN_470, purged=DEBIAN_470),
    "ubuntu": Case("runfile", (*UBUNTU, "nvidia-utils-535-server"), purged=UBUNTU),
    "built": Case("runfile", BUILT, purged=BUILT),
    "not-built": Case("runfile", DEBIAN, state="half-configured", purged=DEBIAN),
    "installer": Case("distro", installer=True),
    "runfile-again": Case("runfile", installer=True),
    "removed": Case("runfile", DEBIAN, state="config-files"),
    "libraries": Case("runfile", LIBRARIES),
    "distro-again": Case("distro", DEBIAN),
    "preinstalled": Case("preinstalled", DEBIAN, installer=True),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Why each case is refused, by one run with a host for each."""
    folder = tmp_path_factory.mktemp("source")
    hosts = {name: host(folder / name, case) for name, case in CASES.items()}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (folder / "play.yml").write_text(PLAY)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(folder / "hosts.json"), "-c", "local", str(folder / "play.yml")),
        ],
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_NOCOLOR": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    failed = re.findall(r"^fatal: \[(\S+)\]: FAILED! => (\{.*\})$", done.stdout, re.MULTILINE)
    found = {name: str(json.loads(result)["msg"]) for name, result in failed}
    recap = re.findall(r"^(\S+) +: ok=.* unreachable=0 +failed=([01]) ", done.stdout, re.MULTILINE)
    assert {name: int(count) for name, count in recap} == {n: n in found for n in CASES}, (
        done.stdout
    )
    return found


def host(folder: Path, case: Case) -> dict[str, str]:
    """What Ansible is told of a host on which ``case`` is."""
    (folder / "info").mkdir(parents=True)
    (folder / "status").write_text(
        "".join(
            f"Package: {name}\nStatus: install ok {case.state}\nArchitecture: amd64\n"
            "Maintainer: x\nVersion: 1\nDescription: x\n\n"
            for name in case.packages
        )
    )
    trace = folder / "nvidia-uninstall"
    if case.installer:
        trace.write_text("")
    return {
        "ansible_python_interpreter": sys.executable,
        "dpkg": str(folder),
        "gpu_driver": case.driver,
        "uninstaller": str(trace),
    }


def test_what_is_in_the_way_is_refused_and_nothing_else(refusals: dict[str, str]) -> None:
    in_the_way = {name for name, case in CASES.items() if case.purged} | {"installer"}
    assert refusals.keys() == in_the_way


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.purged])
def test_packages_are_told_with_what_removes_them(refusals: dict[str, str], name: str) -> None:
    named = re.search(r"run `apt-get purge ([^`]+)`", refusals[name])
    assert named, refusals[name]
    assert set(named.group(1).split()) == set(CASES[name].purged)
    assert "set gpu.driver to distro" in refusals[name]


def test_the_installer_s_driver_is_told_with_what_removes_it(refusals: dict[str, str]) -> None:
    assert "run `nvidia-uninstall --silent` there" in refusals["installer"]
    assert "set gpu.driver to runfile" in refusals["installer"]
