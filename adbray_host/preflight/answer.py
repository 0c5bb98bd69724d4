"""The command `preflight`: what a check must know of a host, as one JSON text.

The argument is a JSON object; ``names`` are the host names that this host should resolve, ``path``
and ``spill_path`` where disks are to be kept.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from typing import Any

from adbray_host import layout
from adbray_host.gpus import reading
from adbray_host.preflight import gate, network, system
from adbray_host.preflight.listeners import listeners


def main(words: list[str]) -> None:
    now, begun = time.time(), time.monotonic()
    cards = reading.reading()  # before there are threads, since it forks
    answer = dict(_readings(json.loads(words[0]) if words else {}), clock=now, gpu=cards)
    # The clock was read first; with this the asker knows when, to a round trip.
    answer["took_s"] = time.monotonic() - begun
    print(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # a thread that still waits for a name would hold the interpreter


def _readings(wanted: dict[str, Any]) -> dict[str, Any]:
    spill_path, pythons = wanted.get("spill_path"), system.pythons()
    return {
        "root": os.geteuid() == 0,
        "python": platform.python_version(),
        "pythons": list(pythons),
        "releases": system.releases(pythons),
        "system": system.system(),
        "cgroup": system.cgroup(),
        "data_disk": system.disk(wanted.get("path") or layout.DATA),
        "spill_disk": system.disk(spill_path) if spill_path else None,
        "runtime_disk": system.disk(layout.RUNTIMES),
        "loop": system.loop(),
        "memory": system.memory(),
        "listeners": listeners(),
        "time_sync": system.clock(),
        "names": network.names(wanted.get("names", [])),
        "packages": network.packages(),
        "proxies": network.proxies(),
        "sysctls": system.sysctls(),
        "gate": gate.gate(),
        "ray_versions": system.ray_versions(),
    }
