"""To the maximum and back, and scale-down under load: nothing that is in use is taken away."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter

import pytest

from tests.e2e.conftest import E2E_JOBS, Project
from tests.e2e.elastic import (
    NAME,
    at_rest,
    goes_to_its_maximum_and_back,
    sampled,
    site,
)

__all__ = ["site"]

ROUNDS, SEED, IDLE_S = 100, 4, 3


# The end-to-end tests do the same with group two.
@pytest.mark.parametrize("group", ["one", "four"])
def test_a_group_goes_to_its_maximum_and_back(site: Project, group: str) -> None:
    goes_to_its_maximum_and_back(site, group)


def test_nothing_is_lost_in_100_rounds(site: Project) -> None:
    group = site.directory / "groups" / f"{NAME}.yml"
    group.write_text(re.sub(r"idle_timeout_s: \d+", f"idle_timeout_s: {IDLE_S}", group.read_text()))
    site.ok("apply", NAME)
    at_rest(site)
    (last,) = site.json("events", NAME, "-n", "1")
    words = ("python", "churn.py", str(ROUNDS), str(SEED), str(IDLE_S))
    with sampled(site):
        out = site.adbray(
            "job", "submit", NAME, "--working-dir", str(E2E_JOBS), "--", *words, timeout_s=3600
        )
        assert out.code == 0, out.out[-4000:] + out.err
        at_rest(site)
    (told,) = re.findall(r"^ran (.*)$", out.out, re.MULTILINE)
    done = json.loads(told)
    events = [e for e in site.json("events", NAME, "-n", "5000") if e["number"] > last["number"]]
    stops = Counter(e["worker_group"] for e in events if e["kind"] == "stop")
    idle = [e for e in events if e["kind"] == "stop" and "was idle" in e["text"]]
    assert min(done.values()) > 0, done
    assert sum(stops.values()) >= ROUNDS / 4, "workers came and went"
    assert len(idle) == sum(stops.values()), "none was stopped for another reason"
    assert not [e for e in events if e["kind"] in ("end", "fault")]
    sys.stderr.write(f"{done}; workers stopped: {dict(stops)}\n")
