"""The command `observe`: everything that a host says of itself, as one JSON text."""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import threading
from typing import Any

from adbray_host import files, layout, programs
from adbray_host.gpus import reading
from adbray_host.mounts import file_systems
from adbray_host.observe import slots, traces, units

_RAY_S = 8


def main(_words: list[str]) -> None:
    cards = reading.reading()  # before there are threads, since it forks
    unseen: list[dict[str, str]] = []
    found, running, left = slots.slots(unseen), units.units(unseen), traces.traces()
    units.without_record(found, running, unseen)
    active = {unit["unit"] for unit in running if unit["active"] == "active"}
    for slot in found:
        slot["drift"] = slots.drift(slot["record"], active)
    answer = {
        "facts": dict(_facts(), gpus=cards["cards"], gpu=cards),
        "slots": found,
        "units": running,
        "groups": [trace["group"] for trace in left],
        "traces": left,
        "watched": traces.watched(),
        "runtimes": traces.runtimes(),
        "grafana": os.path.exists(layout.MONITORING + "/grafana/admin_password"),
        "web": os.path.exists(layout.WEB + "/password"),
        "unseen": unseen,
        "ray": _ray(found),
    }
    print(json.dumps(answer))


def _ray(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    heads = [slot for slot in found if slot["record"].get("kind") == "head"]
    if not heads:
        return []
    # Half of what this program needs to start is for HTTP.
    from adbray_host.observe import ray  # noqa: PLC0415

    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=ray.view, args=(slot, answers)) for slot in heads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_RAY_S)
    return answers


def _facts() -> dict[str, Any]:
    return {
        "address": _address(),
        "network": _network(_address()),
        "machine": files.read("/etc/machine-id").strip(),
        "boot": files.read("/proc/sys/kernel/random/boot_id").strip(),
        "host_keys": _host_keys(),
        "cpus": os.cpu_count() or 1,
        "memory_mb": _memory_mb(),
        "file_systems": file_systems(layout.DATA),
    }


def _address() -> str:
    """The host's own end of the SSH connection."""
    fields = os.environ.get("SSH_CONNECTION", "").split()
    return fields[2] if len(fields) == 4 else ""


def _network(address: str) -> str:
    """The network of that address, as the kernel routes it: 10.0.0.0/24."""
    if not address:
        return ""
    command = ("ip", "-4", "route", "show", "scope", "link", "src", address)
    first = programs.output(*command, within_s=5).split()[:1]
    return first[0] if first and "/" in first[0] else ""


def _memory_mb() -> int:
    total = files.fields(files.read("/proc/meminfo"), ":").get("MemTotal", "0")
    return int(total.split()[0]) // 1024


def _host_keys() -> list[str]:
    """The fingerprints of the SSH host keys, as ssh-keygen prints them."""
    found = []
    for path in sorted(glob.glob("/etc/ssh/ssh_host_*_key.pub")):
        try:
            key = base64.b64decode(files.read(path).split()[1])
        except (IndexError, ValueError):
            continue
        digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
        found.append("SHA256:" + digest.rstrip("="))
    return found
