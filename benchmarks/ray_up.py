"""adbray beside Ray's own cluster launcher, `ray up`, on the same bare hosts.

    .venv/bin/python -m benchmarks.ray_up

As root, with rsync. Each contender gets four fresh lab hosts: a head, two workers that run from the
start, and a third one for when a task wants it. Measured: bare hosts to all nodes ready; the same
command again with nothing to change; a task that needs the third worker, from asking to its first
line. The peer runs with its defaults (autoscaler v2) and with autoscaler v1; its hosts have rsync
and venv before. The third worker's host gets Ray after what is measured cold, with either. All take
the same packages, once downloaded.

The bounds: cold at most 1.0 times `ray up` with v1, again 0.2 times, scale-up 0.5 times.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.conftest import REPOSITORY, Project

RAY = "2.60.0"
# What `ray up` needs on a bare host and does not bring; installed before its time is taken.
NEEDS = "apt-get update -qq && apt-get install -yqq rsync python3-venv >/dev/null"
# After this long a node that is not there is taken for one that will never come.
NEVER_S = 120.0
BOUNDS = {"cold": 1.0, "again": 0.2, "scale up": 0.5}
NAME = "bench"
GROUP = """\
kind: RayCluster
name: {name}
ray: {{version: {ray}}}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
worker_groups:
  - name: w
    size: nano
    disk_gb: 1
    min_workers: 2
    max_workers: {max_workers}
    hosts: {{names: [lab2, lab3, lab4]}}
"""
PEER = """\
cluster_name: bench
provider: {{type: local, head_ip: {head}, worker_ips: [{workers}]}}
auth: {{ssh_user: root, ssh_private_key: {key}}}
min_workers: 2
max_workers: 3
setup_commands:
  - test -x /opt/ray/bin/ray || (python3 -m venv /opt/ray &&
    /opt/ray/bin/pip install -q --no-index --find-links {wheels} --trusted-host {gate}
    'ray[default]=={ray}')
head_start_ray_commands:
  - /opt/ray/bin/ray stop
  - {v1}/opt/ray/bin/ray start --head --port=6379 --num-cpus=0
    --autoscaling-config=~/ray_bootstrap_config.yaml
worker_start_ray_commands:
  - /opt/ray/bin/ray stop
  - /opt/ray/bin/ray start --address=$RAY_HEAD_IP:6379 --num-cpus=1
"""
# Run on the head's host, ours as a job: wait until COUNT nodes live, or until COUNT tasks run.
LOOK = """
import sys, time
import ray
ray.init(address="auto", log_to_driver=False)
what, count = sys.argv[1], int(sys.argv[2])
if what == "nodes":
    while sum(node["Alive"] for node in ray.nodes()) < count:
        time.sleep(0.1)
    print("at", time.time())
else:
    hold_s = float(sys.argv[3])
    @ray.remote(num_cpus=1, max_retries=0)
    def begun():
        at = time.time()
        time.sleep(hold_s)
        return at
    asked = time.time()
    tasks = [begun.remote() for _ in range(count)]
    print("waited", max(ray.get(tasks)) - asked)
"""


@dataclass
class Figures:
    """Seconds, or None where it never came."""

    cold: float | None = None
    again: float | None = None
    scale_up: float | None = None


@contextmanager
def hosts() -> Iterator[Project]:
    """Four bare hosts."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.ok("lab", "up", "--hosts", "4")
            found = project.json("lab", "status")["hosts"]
            project.addresses = {host["name"]: host["address"] for host in found}
            yield project
        finally:
            project.ok("lab", "down")


def seconds(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def look(project: Project, python: str, *words: str, within_s: float = NEVER_S) -> float | None:
    """What LOOK prints on the first host; None when it takes too long."""
    run = f"timeout {within_s:.0f} {python} - {' '.join(words)}"
    script = f"cd /tmp; {run} <<'END'\n{LOOK}\nEND"
    done = project.try_on("lab1", script, within_s=within_s + 20)
    return waited_s(done.out)


def waited_s(output: str) -> float | None:
    """The figure that LOOK printed."""
    found = [line for line in output.splitlines() if line.startswith(("at ", "waited "))]
    return float(found[0].split()[1]) if found else None


def ours() -> Figures:
    """adbray; its archive is on this machine already, as the peer's wheels are."""
    with hosts() as project:
        project.ok("init", "--lab")
        group = project.directory / "groups" / f"{NAME}.yml"
        group.write_text(GROUP.format(name=NAME, ray=RAY, max_workers=2))
        found = Figures()
        found.cold = seconds(lambda: project.ok("apply", NAME))
        assert project.json("status", NAME)["ready"]
        found.again = seconds(lambda: project.ok("apply", NAME))
        group.write_text(GROUP.format(name=NAME, ray=RAY, max_workers=3))
        project.ok("apply", NAME)
        jobs = project.directory / "jobs"
        jobs.mkdir()
        (jobs / "look.py").write_text(LOOK)
        words = ("--working-dir", str(jobs), "--", "python", "look.py", "tasks", "3", "20")
        found.scale_up = waited_s(project.ok("job", "submit", NAME, *words))
        return found


def peer(wheels: Path, *, v1: bool) -> Figures:
    """`ray up`, with its defaults or with autoscaler v1."""
    with hosts() as project, served(wheels, gateway(project)) as url:
        for host in project.addresses:
            project.on(host, NEEDS)
        first, *rest = project.addresses.values()
        config = project.directory / "ray.yml"
        config.write_text(
            PEER.format(
                head=first,
                workers=", ".join(rest),
                key=project.directory / ".adbray" / "lab" / "id_ed25519",
                wheels=url,
                gate=gateway(project),
                ray=RAY,
                v1="RAY_enable_autoscaler_v2=0 " if v1 else "",
            )
        )
        found, began = Figures(), time.time()
        ray_up(config)
        ready = look(project, "/opt/ray/bin/python", "nodes", "3")
        found.cold = ready - began if ready else None
        found.again = seconds(lambda: ray_up(config))
        if ready is None:
            return found
        look(project, "/opt/ray/bin/python", "nodes", "3")
        install(project, config)
        found.scale_up = look(project, "/opt/ray/bin/python", "tasks", "3", "20")
        return found


def ray_up(config: Path) -> None:
    """The launcher keeps its memory in HOME and /tmp/ray: each cluster has its own."""
    home = config.parent / "home"
    home.mkdir(exist_ok=True)
    ray = str(Path(sys.executable).with_name("ray"))
    environment = dict(os.environ) | {"HOME": str(home), "RAY_TMPDIR": str(home)}
    done = subprocess.run(
        [ray, "up", "-y", "--no-config-cache", str(config)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"ray up failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def install(project: Project, config: Path) -> None:
    """What `ray up` would do first on the hosts that do not run yet, out of what is measured."""
    text = config.read_text()
    setup = text.split("setup_commands:\n  - ")[1].split("\nhead_start")[0].replace("\n   ", "")
    for host in project.addresses:
        project.on(host, setup)


def gateway(project: Project) -> str:
    """This machine's address on the lab's bridge."""
    return project.addresses["lab1"].rpartition(".")[0] + ".1"


@contextmanager
def served(folder: Path, address: str) -> Iterator[str]:
    """A plain web server of ``folder`` for the lab's hosts."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its base's name
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer((address, 0), handler)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://{address}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def download(folder: Path) -> Path:
    """The wheels of Ray, as adbray's archive has them."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "-d", str(folder)]
    subprocess.run([*pip, f"ray[default]=={RAY}"], check=True, capture_output=True, cwd=REPOSITORY)
    return folder


def shown(value: float | None) -> str:
    return f"{value:8.2f} s" if value is not None else "    never "


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wheels = download(Path(folder))
        rows = {
            "`ray up`, its defaults": peer(wheels, v1=False),
            "`ray up`, autoscaler v1": peer(wheels, v1=True),
            "adbray": ours(),
        }
    print(f"{'':<26}{'cold':>10}{'again':>10}{'scale up':>10}")
    for name, row in rows.items():
        cells = "".join(shown(cell) for cell in (row.cold, row.again, row.scale_up))
        print(f"{name:<26}{cells}", flush=True)
    mine, theirs = rows["adbray"], rows["`ray up`, autoscaler v1"]
    failed = False
    for (name, bound), a, b in zip(
        BOUNDS.items(),
        (mine.cold, mine.again, mine.scale_up),
        (theirs.cold, theirs.again, theirs.scale_up),
        strict=True,
    ):
        ratio = a / b if a is not None and b is not None else float("nan")
        print(f"{name}: {ratio:.2f} times `ray up` with v1, bound {bound}")
        failed |= not ratio <= bound
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
