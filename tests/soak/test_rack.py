"""All hosts lose their power at once and get it back: the cluster comes back by itself."""

from __future__ import annotations

import os
import sys
import time

from tests.e2e.conftest import E2E_JOBS, Project
from tests.e2e.guarded import NAME
from tests.soak.figures import note, tell
from tests.soak.rack import HOSTS, await_it, healthy, site

__all__ = ["site"]

ROUNDS = int(os.environ.get("ADBRAY_ROUNDS", "3"))


def submit(site: Project, *words: str) -> None:
    options = ("--entrypoint-num-cpus", "0.1", "--working-dir", str(E2E_JOBS), "--")
    site.ok("job", "submit", NAME, *options, "python", *words)


def test_the_rack_is_off_and_on_again(site: Project) -> None:
    rounds = []
    for _ in range(ROUNDS):
        submit(site, "rack.py", "make")
        before = {job["id"] for job in site.json("job", "list", NAME)}
        site.ok("lab", "kill", *HOSTS)
        began = time.monotonic()
        site.ok("lab", "start", *HOSTS)
        on_s = time.monotonic() - began
        await_it("all is well", lambda: healthy(site), 300)
        well_s = time.monotonic() - began
        submit(site, "rack.py", "look")
        looked_s = time.monotonic() - began
        after = {job["id"] for job in site.json("job", "list", NAME)}
        assert before < after, "the job table was kept"
        sys.stderr.write(f"rack off and on: hosts up after {on_s:.0f} s\n")
        rounds.append({"recovered_s": looked_s, "nodes_back_s": well_s})
    tell("rack off and on: all well", [one["nodes_back_s"] for one in rounds])
    tell("a job that found its actor had ended", [one["recovered_s"] for one in rounds])
    note(rounds={"rack": rounds})
