"""What a plan does to a running group, and which processes it has."""

from __future__ import annotations

import re

from tests.e2e.conftest import GROUP, Project

_PIDS = (
    "for u in $(systemctl list-units --no-legend --plain 'adbray-*@*.service' | cut -d' ' -f1); do"
    " for p in $(cat /sys/fs/cgroup$(systemctl show -p ControlGroup --value $u)/cgroup.procs); do"
    " case $(cat /proc/$p/comm) in raylet|gcs_server|redis-server|ray) echo $u $p;; esac;"
    " done; done | sort"
)


def pids(cluster: Project) -> dict[str, str]:
    """The process ids of Ray and Redis, by unit."""
    found: dict[str, str] = {}
    for host in cluster.addresses:
        for line in cluster.on(host, _PIDS).splitlines():
            unit, pid = line.split()
            found[unit] = f"{found.get(unit, '')} {pid}"
    return found


def unit(slot: str) -> str:
    return f"adbray-worker@{GROUP}.{slot}.service"


def edit(cluster: Project, pattern: str, replacement: str) -> None:
    path = cluster.directory / "groups" / f"{GROUP}.yml"
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1, pattern
    path.write_text(text)


def actions(cluster: Project) -> dict[str, str]:
    """What a plan does, by node; kept nodes are left out."""
    (plan,) = cluster.json("plan", GROUP)
    return {c["node"]: c["action"] for c in plan["changes"] if c["action"] != "keep"}
