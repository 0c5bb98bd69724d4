"""NVIDIA's driver on a machine with a kernel of its own and no card: installed and changed by plan.

The packages are Debian's, and their modules are built for that kernel: each takes half an hour by
emulation.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Project, lab_of
from tests.soak.figures import show
from tests.soak.patient import declare, make_patient
from tests.soak.plays import play

NAME, VM = "driver", "vm1"
FIRST, SECOND = "535", "470"
MODULES = {FIRST: "nvidia-current", SECOND: "nvidia-tesla-470"}
SPEC = f"""\
kind: RayCluster
name: {NAME}
redis: {{mode: none}}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
worker_groups:
  - name: w
    size: half
    disk_gb: 1
    min_workers: 1
    max_workers: 1
    object_store_gb: 0.1
    hosts: {{names: [{VM}]}}
"""
# No card can be had, so nouveau itself would find nothing to do, and this kernel has none: a module
# of its name, which the plan takes for it, is in the way of NVIDIA's until the machine boots.
IN_THE_WAY = """\
set -e
mkdir /root/nouveau && cd /root/nouveau
printf '#include <linux/module.h>\\nMODULE_LICENSE("GPL");\\n' >nouveau.c
echo 'obj-m := nouveau.o' >Makefile
make -s -C /lib/modules/$(uname -r)/build M=$PWD modules >make.log 2>&1
insmod nouveau.ko
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A head on a container, and a worker on a VM that has got the first branch."""
    with lab_of(tmp_path_factory.mktemp("driver"), "--hosts", "1", "--vm", "1") as project:
        project.write_group(NAME, SPEC)
        declare(project, VM)
        make_patient(project, NAME)
        declare(project, VM, f'gpu: {{driver: distro, branch: "{FIRST}"}}')
        apply(project)
        yield project


def apply(project: Project) -> str:
    """What a run that must succeed told."""
    began = time.monotonic()
    done = project.adbray("apply", NAME, "--yes", timeout_s=7200)
    assert done.code == 0, done.err + done.out
    show(f"apply took {time.monotonic() - began:.0f} s")
    return done.out + done.err


def has_driver(project: Project, branch: str) -> None:
    """The branch's module is there for the kernel that runs, alone, and no card is found."""
    name = MODULES[branch]
    version, kernel, running, built = project.on(
        VM,
        f"modinfo -F version {name}; modinfo -F vermagic {name} | cut -d' ' -f1; uname -r;"
        f' dkms status | grep "^{name}/.*: installed"',
    ).splitlines()
    show(f"{name} {version}: {built}")
    assert version.startswith(f"{branch}.")
    assert kernel == running
    assert running in built
    (other,) = set(MODULES) - {branch}
    assert project.try_on(VM, f"modinfo {MODULES[other]}").code != 0
    smi = project.try_on(VM, "nvidia-smi")
    assert smi.code != 0
    assert "couldn't communicate with the NVIDIA driver" in smi.out
    told = json.loads(project.adbray("check", NAME, "--json").out)["findings"]
    (found,) = (one for one in told if (one["host"], one["check"]) == (VM, "gpu"))
    show(f"check: {found['found']}: {found['remedy']}")
    assert found["state"] == "warn"
    assert found["found"] == f"no GPU found; driver {version} is not loaded"
    assert "out of fleet.yml" in found["remedy"]
    (slot,) = (one for one in project.json("status", NAME)["slots"] if one["slot"] == "w-0")
    assert slot["state"] == "running"


def test_the_module_is_built_and_no_card_is_found(project: Project) -> None:
    has_driver(project, FIRST)


def test_a_second_run_changes_nothing(project: Project) -> None:
    assert project.adbray("plan", NAME, "--exit-code").code == 0
    inventory = project.directory / "inventory"
    project.ok("render", NAME, "-o", str(inventory))
    told = play(inventory, "gpu", limit=VM)
    assert re.search(rf"^{VM} .* changed=0 .* failed=0 ", told, re.MULTILINE), told
    assert "no GPU found: nvidia-smi ended with 9" in told


def test_a_plan_changes_the_branch_and_boots_the_host(project: Project) -> None:
    boot = project.on(VM, "cat /proc/sys/kernel/random/boot_id")
    project.on(VM, IN_THE_WAY)
    fleet = project.directory / "fleet.yml"
    fleet.write_text(fleet.read_text().replace(f'"{FIRST}"', f'"{SECOND}"'))
    plan = project.adbray("plan", NAME)
    show(plan.out)
    assert f"! host {VM} boots: " in plan.out
    told = apply(project)
    show("\n".join(line for line in told.splitlines() if VM in line))
    assert re.search(rf"{VM} is back after \d+ s", told)
    assert project.on(VM, "cat /proc/sys/kernel/random/boot_id") != boot
    assert project.on(VM, "systemctl is-system-running --wait; lsmod | grep -c nouveau; :") == (
        "running\n0"
    )
    has_driver(project, SECOND)
    assert project.adbray("plan", NAME, "--exit-code").code == 0
