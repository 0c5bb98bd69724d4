"""Half an hour of jobs with a random fault every minute: none is wrong, none is stuck."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from adbray_ctl.core.slot.names import user_name
from tests.e2e.conftest import E2E_JOBS, Project, inside
from tests.e2e.elastic import inits
from tests.e2e.guarded import NAME, leader, one_gcs_at_most
from tests.soak.rack import WORKER_HOSTS, await_it, healthy, primary, site

__all__ = ["site"]

MINUTES = float(os.environ.get("ADBRAY_MINUTES", "30"))
SEED = int(os.environ.get("ADBRAY_SEED", str(int(time.time()))))
REPORT = os.environ.get("ADBRAY_REPORT")
EVERY_S, AWAY_S, STUCK_S = 60.0, 20.0, 300.0


@dataclass
class Fault:
    """What was done, when (seconds from the beginning), and for how long it was left so."""

    what: str
    host: str
    at_s: float


@dataclass
class Job:
    """One job: its life in seconds from the beginning, and how it ended."""

    id: str
    began_s: float
    ended_s: float = 0.0
    outcome: str = "RUNNING"


@dataclass
class Soak:
    """What happened."""

    seed: int
    began: float = field(default_factory=time.monotonic)
    faults: list[Fault] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    refused: int = 0

    def now_s(self) -> float:
        return round(time.monotonic() - self.began, 1)


class Load(threading.Thread):
    """One job after the other, until told to end."""

    def __init__(self, site: Project, soak: Soak, number: int) -> None:
        super().__init__()
        self.site, self.soak, self.number = site, soak, number
        self.over = threading.Event()

    def run(self) -> None:
        options = ("--no-wait", "--entrypoint-num-cpus", "0.1", "--working-dir", str(E2E_JOBS))
        count = 0
        while not self.over.is_set():
            count += 1
            seed = str(1000 * self.number + count)
            words = (*options, "--json", "--", "python", "mixed.py", "15", seed)
            told = self.site.adbray("job", "submit", NAME, *words)
            if told.code != 0:
                # While no head runs none can be submitted: that is told, and tried again.
                self.soak.refused += 1
                self.over.wait(1)
                continue
            job = Job(json.loads(told.out)["id"], self.soak.now_s())
            self.soak.jobs.append(job)
            self.follow(job)

    def follow(self, job: Job) -> None:
        while job.outcome in ("RUNNING", "PENDING"):
            told = self.site.adbray("job", "status", NAME, job.id, "--json")
            if told.code == 0:
                job.outcome = json.loads(told.out)["status"]
            job.ended_s = self.soak.now_s()
            if job.ended_s - job.began_s > STUCK_S:
                job.outcome = "STUCK"
            time.sleep(1)
        if job.outcome == "FAILED":
            logs = self.site.adbray("job", "logs", NAME, job.id).out
            job.outcome = "WRONG" if "WRONG" in logs else "FAILED"


def kill(pattern: str) -> Callable[[Project, str], None]:
    """Kill processes of that name on the host."""
    return lambda site, host: _signal(site, host, f"pkill -KILL {pattern}")


def hang(site: Project, host: str) -> None:
    _signal(site, host, "pkill -STOP -x gcs_server")


def _signal(site: Project, host: str, command: str) -> None:
    # None of that name may be there: the last fault's may still be starting.
    inside(inits(site)[host], f"{command}; exit 0")


def off_and_on(site: Project, host: str) -> None:
    site.ok("lab", "kill", host)
    time.sleep(AWAY_S)
    site.ok("lab", "start", host)


def cut_and_heal(site: Project, host: str) -> None:
    site.ok("lab", "cut", host)
    time.sleep(AWAY_S)
    site.ok("lab", "heal", host)


FAULTS: dict[str, tuple[Callable[[Project, str], None], Callable[[Project], str]]] = {
    "GCS killed": (kill("-x gcs_server"), leader),
    "head's raylet killed": (kill("-x raylet"), leader),
    "the head's processes killed": (kill(f"-u {user_name(NAME)}"), leader),
    "GCS hung": (hang, leader),
    "head's host dead": (off_and_on, leader),
    "head's host cut off": (cut_and_heal, leader),
    "primary Redis killed": (kill("-x redis-server"), primary),
    "primary Redis' host dead": (off_and_on, primary),
    "worker's raylet killed": (kill("-x raylet"), lambda _: random.choice(WORKER_HOSTS)),
    "worker's host dead": (off_and_on, lambda _: random.choice(WORKER_HOSTS)),
}


def hurts_workers(fault: Fault) -> bool:
    return fault.host in WORKER_HOSTS and ("host" in fault.what or "worker" in fault.what)


def explained(soak: Soak, job: Job) -> bool:
    """Whether the job lost its driver's host or raylet, or was being accepted at a fault."""
    during = [f for f in soak.faults if job.began_s - 90 < f.at_s < job.ended_s]
    accepted = [f for f in during if abs(f.at_s - job.began_s) < 15]
    return bool(accepted) or any(hurts_workers(f) for f in during)


def test_half_an_hour_of_random_faults(site: Project) -> None:
    random.seed(SEED)
    sys.stderr.write(f"ADBRAY_SEED={SEED}\n")
    await_it("all is well", lambda: healthy(site))
    soak = Soak(SEED)
    loads = [Load(site, soak, number) for number in (1, 2)]
    for load in loads:
        load.start()
    slowest_s = 0.0
    try:
        with one_gcs_at_most(site):
            while soak.now_s() < MINUTES * 60:
                due = time.monotonic() + EVERY_S
                what = random.choice(list(FAULTS))
                act, where = FAULTS[what]
                fault = Fault(what, where(site), soak.now_s())
                soak.faults.append(fault)
                act(site, fault.host)
                slowest_s = max(slowest_s, await_it(what, lambda: healthy(site)))
                time.sleep(max(due - time.monotonic(), 0))
    finally:
        for load in loads:
            load.over.set()
        for load in loads:
            load.join()
        if REPORT:
            Path(REPORT).write_text(json.dumps(asdict(soak), indent=1) + "\n")
    outcomes = Counter(job.outcome for job in soak.jobs)
    faults = Counter(fault.what for fault in soak.faults)
    sys.stderr.write(
        f"{len(soak.faults)} faults {dict(faults)}; jobs {dict(outcomes)}, {soak.refused} refused"
        f" while no head ran; slowest to be whole again {slowest_s:.0f} s\n"
    )
    assert set(outcomes) <= {"SUCCEEDED", "FAILED"}, outcomes
    assert not [j for j in soak.jobs if j.outcome == "FAILED" and not explained(soak, j)]
    assert outcomes["SUCCEEDED"] > len(soak.faults)
    last = site.ok(
        "job", "submit", NAME, "--working-dir", str(E2E_JOBS), "--", "python", "mixed.py", "1", "0"
    )
    assert re.search(r"^right \d+$", last, re.MULTILINE)
