#!/usr/bin/python3
"""What only adbray knows of a host's slots, as a file that the node exporter reads.

Usage: metrics FILE. Standard library only; changes nothing but FILE, every ten seconds.
"""

from __future__ import annotations

import glob
import json
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

EVERY_S = 10.0
SHOWN = "Id,ActiveState,NRestarts"
UNITS_AT_ONCE = 200

HELP = {
    "adbray_slot_running": "Whether the slot's unit runs.",
    "adbray_slot_restarts_total": "How often systemd brought the slot back since it was started.",
    "adbray_slot_disk_size_bytes": "Size of the slot's disk, or of the one of its spilled objects.",
    "adbray_slot_disk_avail_bytes": "What is free of it.",
    "adbray_head_leads": "Whether this host's head or standby leads the group.",
    "adbray_scaling_age_seconds": "How long ago the autoscaler told anything.",
    "adbray_demand_blocked": "Demands that no worker can be started for.",
    "adbray_demand_blocked_seconds": "How long the oldest of them has waited.",
    "adbray_slot_set_aside": "How often in a row a slot failed that the autoscaler leaves alone.",
    "adbray_certificate_expires_seconds": "When a certificate ends, in seconds since the epoch.",
}


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


class Host:
    """Where a host keeps what is read; tests have it elsewhere."""

    def __init__(
        self,
        root: str = "",
        systemctl: str = "/usr/bin/systemctl",
        mountinfo: str = "/proc/self/mountinfo",
    ) -> None:
        self.etc = root + "/etc/adbray"
        self.data = root + "/var/lib/adbray"
        self.run = root + "/run"
        self.systemctl = systemctl
        self.mountinfo = mountinfo


def load(path: str) -> dict[str, Any]:
    """The JSON object in a file; empty if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def records(host: Host) -> list[dict[str, Any]]:
    found = [load(path) for path in sorted(glob.glob(host.etc + "/*/*.json"))]
    return [record for record in found if {"group", "slot", "kind"} <= record.keys()]


def unit_states(host: Host, units: list[str]) -> dict[str, dict[str, str]]:
    """What systemd says of each unit, by its name."""
    found = {}
    for first in range(0, len(units), UNITS_AT_ONCE):
        part = units[first : first + UNITS_AT_ONCE]
        command = (host.systemctl, "show", f"--property={SHOWN}", "--", *part)
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=30, check=False, text=True)
        for block in done.stdout.strip().split("\n\n"):
            fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            found[fields.get("Id", "")] = fields
    return found


def of_unit(record: dict[str, Any], states: dict[str, dict[str, str]]) -> Iterator[Sample]:
    labels = {key: str(record[key]) for key in ("group", "slot", "kind")}
    state = states.get(str(record.get("unit")), {})
    yield Sample("adbray_slot_running", labels, float(state.get("ActiveState") == "active"))
    restarts = int(state.get("NRestarts") or 0)
    yield Sample("adbray_slot_restarts_total", labels, restarts)


def of_disk(host: Host, record: dict[str, Any]) -> Iterator[Sample]:
    if not record.get("disk_gb"):
        return
    # A head's disk is called so on a standby's host too.
    name = "head" if record["kind"] == "head" else str(record["slot"])
    disks = {"data": os.path.join(host.data, str(record["group"]), name)}
    if (record.get("disk") or {}).get("spill"):
        disks["spill"] = disks["data"] + "/spill"
    for part, path in disks.items():
        # What is not mounted would tell of the file system beneath.
        if not is_mounted(host, path):
            continue
        seen = os.statvfs(path)
        labels = {"group": str(record["group"]), "slot": str(record["slot"]), "disk": part}
        yield Sample("adbray_slot_disk_size_bytes", labels, seen.f_blocks * seen.f_frsize)
        yield Sample("adbray_slot_disk_avail_bytes", labels, seen.f_bavail * seen.f_frsize)


def is_mounted(host: Host, path: str) -> bool:
    """Whether something is mounted right there; os.path.ismount sees no bind mounts."""
    with open(host.mountinfo, encoding="utf-8") as file:
        return any(line.split()[4] == path for line in file)


def of_head(host: Host, record: dict[str, Any], now: float) -> Iterator[Sample]:
    """Who leads, and there what the autoscaler told last; elsewhere that is of long ago."""
    if record["kind"] != "head":
        return
    group = str(record["group"])
    labels = {"group": group, "slot": str(record["slot"])}
    leads = load(f"{host.run}/adbray-head.{group}/keeper.json").get("state") == "leads"
    yield Sample("adbray_head_leads", labels, float(leads))
    told = load(f"{host.data}/{group}/head/logs/scaling.json")
    if not leads or not told:
        return
    of_group = {"group": group}
    yield Sample("adbray_scaling_age_seconds", of_group, max(0.0, now - float(told["at"])))
    waiting = told.get("waiting") or []
    oldest = min((float(one["since"]) for one in waiting), default=now)
    yield Sample("adbray_demand_blocked", of_group, len(waiting))
    yield Sample("adbray_demand_blocked_seconds", of_group, max(0.0, now - oldest))
    for one in told.get("set_aside") or []:
        where = {"group": group, "slot": str(one["slot"]), "on": str(one["host"])}
        yield Sample("adbray_slot_set_aside", where, int(one["times"]))


def of_certificates(host: Host) -> Iterator[Sample]:
    """The first end of those in each file."""
    for path in sorted(glob.glob(host.etc + "/*/*.crt")):
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cafile=path)
            ends = [ssl.cert_time_to_seconds(str(c["notAfter"])) for c in context.get_ca_certs()]
        except (OSError, ValueError):
            continue
        if ends:
            group = os.path.basename(os.path.dirname(path))
            labels = {"group": group, "file": os.path.basename(path)}
            yield Sample("adbray_certificate_expires_seconds", labels, min(ends))


def samples(host: Host, now: float) -> Iterator[Sample]:
    found = records(host)
    states = unit_states(host, [str(record["unit"]) for record in found if record.get("unit")])
    for record in found:
        for part in (of_unit(record, states), of_disk(host, record), of_head(host, record, now)):
            try:
                yield from part
            except (OSError, ValueError, KeyError, TypeError) as error:
                print(f"{record['group']}/{record['slot']}: {error!r}", file=sys.stderr, flush=True)
    yield from of_certificates(host)


def exposition(found: Iterable[Sample]) -> str:
    """The samples in Prometheus' text format, each metric's together."""
    by_name: dict[str, list[Sample]] = {}
    for sample in found:
        by_name.setdefault(sample.name, []).append(sample)
    lines = []
    for name, same in by_name.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{{{labels(one.labels)}}} {one.value:.15g}" for one in same]
    return "".join(f"{line}\n" for line in lines)


def labels(given: dict[str, str]) -> str:
    return ",".join(f'{key}="{escaped(value)}"' for key, value in given.items())


def escaped(value: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", value).replace("\n", "\\n")


def main(path: str) -> None:
    while True:
        text = exposition(samples(Host(), time.time()))
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main(sys.argv[1])
