"""Two groups on three hosts, and the Prometheus that watches them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.e2e.conftest import Project, lab_of
from tests.soak.rack import await_it
from tests.unit.server_certificate import leaf

# One whose Redis is on all hosts, and one with a Redis on a disk of its own, which is small.
WIDE, SMALL = "wide", "small"
MONITOR = "lab1"
# A container has no bound of memory that Ray could see: it looks at the machine's.
EATEN_GB = 9
FLEET = f"""\
monitoring:
  host: {MONITOR}
  listen: host
  web: {{certificate_file: web.crt, key_file: web.key}}
"""
SPECS = {
    WIDE: """\
kind: RayCluster
name: wide
head: {size: micro, disk_gb: 2, hosts: {names: [lab1]}}
redis: {mode: sentinel, maxmemory_mb: 64, hosts: {names: [lab1, lab2, lab3]}}
worker_groups:
  - {name: dies, size: nano, disk_gb: 1, hosts: {names: [lab1]}}
  - {name: spills, size: nano, disk_gb: 2, object_store_gb: 0.1, hosts: {names: [lab1]}}
  - name: eats
    size: nano
    disk_gb: 1
    hosts: {names: [lab1]}
    env: {RAY_memory_usage_threshold: 'THRESHOLD'}
  - {name: hangs, size: nano, disk_gb: 1, hosts: {names: [lab2]}}
  - {name: broken, size: nano, disk_gb: 1, hosts: {names: [lab3]}}
""",
    SMALL: """\
kind: RayCluster
name: small
head:
  size: micro
  disk_gb: 1
  hosts: {names: [lab1]}
  ports: {gcs: 6380, dashboard: 8266, client: 10002}
redis: {maxmemory_mb: 64, hosts: {names: [lab1]}}
worker_groups:
  - {name: w, size: nano, disk_gb: 1, min_workers: 0, max_workers: 1, hosts: {names: [lab1]}}
""",
}
REDIS_DISK = f"/var/lib/adbray/{SMALL}/redis"


@contextmanager
def watched(directory: Path) -> Iterator[Project]:
    """The three hosts with both groups, applied."""
    with lab_of(directory, "--hosts", "3") as project:
        renew_certificate(project, days=90)
        fleet = project.directory / "fleet.yml"
        text = fleet.read_text().replace("limits: {", "limits: {min_workers: 0, ")
        fleet.write_text(text.replace("user: root,", "user: root, connect_timeout_s: 2,") + FLEET)
        mount = f"mkdir -p {REDIS_DISK} && mount -t tmpfs -o size=256m tmpfs {REDIS_DISK}"
        project.on(MONITOR, mount)
        for name, spec in SPECS.items():
            text = spec.replace("THRESHOLD", f"{threshold():.3f}")
            project.write_group(name, text)
        project.ok("apply")
        for name in SPECS:
            await_well(project, name)
        yield project


def threshold() -> float:
    """The share of the machine's memory at which one worker ends its tasks."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    total, free = (
        int(next(line.split()[1] for line in lines if line.startswith(name))) / 2**20
        for name in ("MemTotal", "MemAvailable")
    )
    assert free > EATEN_GB + 2, f"{free:.0f} GiB of memory are free, {EATEN_GB + 2} needed"
    return (total - free + EATEN_GB) / total


def await_well(site: Project, group: str) -> None:
    def well() -> bool:
        shown = site.adbray("status", group, "--json")
        found = json.loads(shown.out) if shown.code == 0 else {}
        return bool(found) and found["ready"] and not found["problems"]

    await_it(f"{group} is well", well)


def unit(kind: str, group: str, slot: str = "") -> str:
    return f"adbray-{kind}@{group}{'.' if slot else ''}{slot}.service"


def renew_certificate(site: Project, *, days: int) -> None:
    """One of the operator's for the web server, as an authority gives them out."""
    certificate, key = leaf(datetime.now(UTC) + timedelta(days=days))
    (site.directory / "web.crt").write_text(certificate)
    (site.directory / "web.key").write_text(key)
    (site.directory / "web.key").chmod(0o600)
