"""The step of a plan that adds to an environment in use what a newer adbray installs there."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.desired.desired import Desired
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.plan.steps import Step

ROLES = ("ray_runtime",)


def runtime_steps(desired: Desired, observed: Observed) -> Iterator[Step]:
    """Nothing where each environment has all; a host without one gets it from its nodes' steps.

    Nodes go on meanwhile: what they run from stays as it is.
    """
    wanted, path = desired.runtime.requirements, desired.runtime.venv
    lacking = {
        host: [name for name in wanted if name not in observed.host(host).runtimes[path]]
        for host in desired.topology.hosts
        if path in observed.host(host).runtimes
    }
    hosts = tuple(host for host, missing in lacking.items() if missing)
    if hosts:
        added = ", ".join(dict.fromkeys(name for host in hosts for name in lacking[host]))
        title = f"software: add {added} on {', '.join(hosts)}"
        yield Step(title=title, hosts=hosts, roles=ROLES)
