"""How long a plan takes, from 100 to 1,000 hosts with eight workers each, and whether it is linear.

    .venv/bin/python -m benchmarks.plan

Three plans of each size: for a new group, for one that stands, and for one whose workers change.
The bound is 1 s for 1,000 hosts and 8,000 workers, and 1.5 times the time per worker of 100 hosts.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from adbray_ctl.cli.app import GC_THRESHOLD
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.unit.cluster import applied, placed, planned

BOUND_S, BOUND_GROWTH = 1.0, 1.5
SIZES = (100, 250, 500, 1000)


def fleet_of(hosts: int) -> Fleet:
    machines = [{"name": f"h{n}", "address": f"10.{n // 250}.{n % 250}.1"} for n in range(hosts)]
    limits = {"max_workers": 1000}
    return Fleet.model_validate({"kind": "Fleet", "hosts": machines, "limits": limits})


def spec_of(hosts: int, size: str) -> RayClusterSpec:
    """Eight worker groups of as many workers as there are hosts."""
    groups: list[dict[str, Any]] = [
        {"name": f"g{n}", "size": size, "min_workers": hosts} for n in range(8)
    ]
    return RayClusterSpec.model_validate(
        {"kind": "RayCluster", "name": "demo", "worker_groups": groups}
    )


def seconds(work: Callable[[], ChangePlan]) -> float:
    """The median of three runs."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> int:
    gc.set_threshold(*GC_THRESHOLD)
    print(f"{'hosts':>6} {'workers':>8} {'new, s':>8} {'kept, s':>8} {'changed, s':>10}")
    worst: dict[int, float] = {}
    for hosts in SIZES:
        fleet, spec, changed = fleet_of(hosts), spec_of(hosts, "small"), spec_of(hosts, "medium")
        standing = applied(fleet, spec, placed(fleet, spec))
        times = (
            seconds(lambda f=fleet, s=spec: planned(f, s, Observed())),  # type: ignore[misc]
            seconds(lambda f=fleet, s=spec, o=standing: planned(f, s, o)),  # type: ignore[misc]
            seconds(lambda f=fleet, s=changed, o=standing: planned(f, s, o)),  # type: ignore[misc]
        )
        worst[hosts] = max(times)
        print(f"{hosts:>6} {hosts * 8:>8} {times[0]:>8.3f} {times[1]:>8.3f} {times[2]:>10.3f}")
    growth = worst[SIZES[-1]] / worst[SIZES[0]] / (SIZES[-1] / SIZES[0])
    print(f"time per worker at {SIZES[-1]} hosts / at {SIZES[0]} hosts: {growth:.2f}")
    good = worst[SIZES[-1]] < BOUND_S and growth < BOUND_GROWTH
    print("within the bounds" if good else "NOT within the bounds")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
