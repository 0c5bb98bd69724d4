"""Slots' disks on real kernels: xfs and ext4 by project quota on VMs, loop on a container.

``ADBRAY_DISKS`` chooses: xfs, ext4, loop; all three by default.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from adbray_ctl.core.slot.names import user_name
from tests.e2e.conftest import E2E_JOBS, Project, lab_of
from tests.soak.patient import declare, make_patient

NAME = "disks"
BACKENDS = {"xfs": "xfs_project", "ext4": "ext4_project", "loop": "loop"}
CHOSEN = os.environ.get("ADBRAY_DISKS", "xfs ext4 loop").split()
WHERE, BESIDE = (f"/var/lib/adbray/{NAME}/{slot}" for slot in ("w-0", "w-1"))
# An emulated machine has two cores, and each of its slots is to have both.
ROOM = "capacity: {cpus: 4}"
# Writes in the neighbour's disk for as long as the job runs, as what runs in its slot would.
OWNER = user_name(NAME)
WORK = f"""\
while [ ! -e {BESIDE}/spill/enough ]; do
  runuser -u {OWNER} -- dd if=/dev/zero of={BESIDE}/spill/work bs=1M count=16 conv=fsync 2>&1 \\
    | grep -q copied && date +%s.%N
done; rm {BESIDE}/spill/*
"""


def spec(host: str, size: int) -> str:
    return f"""\
kind: RayCluster
name: {NAME}
ray: {{packages: [numpy]}}
redis: {{mode: none}}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
worker_groups:
  - name: w
    size: half
    disk_gb: {size}
    min_workers: 1
    max_workers: 2
    object_store_gb: 0.1
    hosts: {{names: [{host}]}}
"""


@dataclass
class Site:
    project: Project
    host: str
    kind: str

    def write(self, size: int) -> None:
        path = self.project.directory / "groups" / f"{NAME}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(spec(self.host, size))

    def actions(self) -> dict[str, str]:
        """What a plan does to the nodes it does not keep."""
        changes = self.project.json("plan", NAME)[0]["changes"]
        return {c["node"]: c["action"] for c in changes if c["action"] != "keep"}

    def processes(self) -> str:
        """When each worker's unit was started."""
        shown = f"systemctl show --property=ActiveEnterTimestampMonotonic 'adbray-worker@{NAME}.*'"
        return self.project.on(self.host, shown)

    def size_mb(self) -> int:
        return int(self.project.on(self.host, f"df -m --output=size {WHERE} | tail -1"))


@pytest.fixture(scope="module", params=CHOSEN)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A head on a container; a worker on a VM with that file system, or on that container.

    Beside the worker there is a prepared slot, with a disk of its own.
    """
    kind = str(request.param)
    vm = () if kind == "loop" else ("--vm", "1", "--vm-disk", kind)
    with lab_of(tmp_path_factory.mktemp(f"disks-{kind}"), "--hosts", "1", *vm) as project:
        found = Site(project, "lab1" if kind == "loop" else "vm1", kind)
        found.write(3)
        declare(project, found.host, *([ROOM] if vm else []))
        if vm:
            make_patient(project, NAME)
        apply(found)
        yield found


def apply(site: Site) -> str:
    """What a run that must succeed told of its course, and of its end."""
    done = site.project.adbray("apply", NAME, "--yes")
    assert done.code == 0, done.err + done.out
    return done.out + done.err


def test_each_host_has_the_best_backend_and_says_why(site: Site) -> None:
    found = site.project.json("check")["findings"]
    told = [f["found"] for f in found if f["host"] == site.host and "slots' disks" in f["found"]]
    assert f"by {BACKENDS[site.kind]}: " in told[0]
    assert site.project.adbray("plan", NAME, "--exit-code").code == 0
    assert 2700 < site.size_mb() <= 3072


def test_a_slot_at_the_end_of_its_disk_keeps_its_data_and_hurts_no_other(site: Site) -> None:
    words = ("--working-dir", str(E2E_JOBS), "--", "python", "fill_by_spilling.py", "w-0")
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(site.project.try_on, site.host, WORK, 1800)
        try:
            out = site.project.ok("job", "submit", NAME, *words)
        finally:
            site.project.on(site.host, f"touch {BESIDE}/spill/enough")
        worked = [float(line) for line in working.result().out.splitlines()]
    sys.stderr.write(f"\n{site.kind}: {out}")
    ((full, wrong, ended),) = re.findall(r"spilling: .* (\S+) full, (\d+) differ, (\w+)", out)
    assert float(full) > 0.9
    assert (wrong, ended) == ("0", "refused")
    ((number, began, done),) = re.findall(r"wall: errno (\d+) from (\S+) to (\S+)", out)
    expected = {errno.EDQUOT, errno.ENOSPC} if site.kind == "ext4" else {errno.ENOSPC}
    assert int(number) in expected
    meanwhile = [at for at in worked if float(began) < at < float(done)]
    sys.stderr.write(f"{site.kind}: beside it {len(worked)} writes, {len(meanwhile)} at the wall\n")
    assert meanwhile


def test_a_disk_grows_while_its_worker_runs(site: Site) -> None:
    before = site.processes()
    site.project.on(site.host, f"echo kept > {WHERE}/logs/kept")
    site.write(5)
    assert site.actions() == {"w-0": "update", "w-1": "update"}
    told = apply(site)
    assert 4500 < site.size_mb() <= 5120
    grown_in_use = site.processes() == before
    sys.stderr.write(f"\n{site.kind}: grown, {'in use' if grown_in_use else 'started anew'}\n")
    # The loop image of a container needs a right that it may not have; that is told.
    assert grown_in_use or (site.kind == "loop" and "started anew" in told), told
    assert site.project.on(site.host, f"cat {WHERE}/logs/kept") == "kept"
    assert site.project.adbray("plan", NAME, "--exit-code").code == 0


def test_a_disk_shrinks_with_a_restart(site: Site) -> None:
    before = site.processes()
    site.project.on(
        site.host, f"dd if=/dev/zero of={WHERE}/spill/left bs=1M count=3100 status=none"
    )
    status = site.project.json("status", NAME)["slots"]
    (used,) = (slot["disk_used"] for slot in status if slot["slot"] == "w-0")
    assert used > 0.5
    site.write(3)
    assert site.actions()["w-0"] == "restart"
    apply(site)
    assert 2700 < site.size_mb() <= 3072
    assert site.processes() != before
    assert site.project.on(site.host, f"cat {WHERE}/logs/kept; ls {WHERE}/spill") == "kept"
    assert site.project.adbray("plan", NAME, "--exit-code").code == 0
    site.project.ok("destroy", NAME, "--yes")
    left = site.project.on(site.host, "grep adbray/ /proc/self/mountinfo; ls -A /var/lib/adbray; :")
    assert "w-0" not in left
