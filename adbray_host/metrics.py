"""What only adbray knows of a host's slots, as a file that the node exporter reads.

Changes nothing but FILE, every ten seconds: ``metrics FILE``.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from adbray_host import files, layout, mounts, systemd
from adbray_host.certificates import end_of

EVERY_S = 10.0
# The role gpu has the cards looked at each minute.
CARDS_OLD_S = 180.0
SHOWN = ("ActiveState", "NRestarts")
PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

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
    "adbray_gpu_utilization_ratio": "Share of the last second or so in which the card worked.",
    "adbray_gpu_memory_used_bytes": "Memory of the card that is taken.",
    "adbray_gpu_memory_total_bytes": "Memory that the card has.",
    "adbray_gpu_temperature_celsius": "Temperature of the card.",
    "adbray_gpu_power_watts": "Power that the card draws.",
    "adbray_gpu_xid_errors_total": "Errors of the card's own in the kernel's log since boot.",
    "adbray_gpu_ecc_uncorrected_total": "Memory errors since boot that ECC could not correct.",
}


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


def records() -> list[dict[str, Any]]:
    paths = sorted(glob.glob(layout.record_of("*", "*")))
    found = [files.read_json(path) or {} for path in paths]
    return [record for record in found if {"group", "slot", "kind"} <= record.keys()]


def of_unit(record: dict[str, Any], states: dict[str, dict[str, str]]) -> Iterator[Sample]:
    labels = {key: str(record[key]) for key in ("group", "slot", "kind")}
    state = states.get(str(record.get("unit")), {})
    yield Sample("adbray_slot_running", labels, float(state.get("ActiveState") == "active"))
    restarts = int(state.get("NRestarts") or 0)
    yield Sample("adbray_slot_restarts_total", labels, restarts)


def of_disk(record: dict[str, Any]) -> Iterator[Sample]:
    for part, path in zip(("data", "spill"), layout.disks_of(record)):
        # What is not mounted would tell of the file system beneath.
        if not mounts.is_mounted(path):
            continue
        seen = os.statvfs(path)
        labels = {"group": str(record["group"]), "slot": str(record["slot"]), "disk": part}
        yield Sample("adbray_slot_disk_size_bytes", labels, seen.f_blocks * seen.f_frsize)
        yield Sample("adbray_slot_disk_avail_bytes", labels, seen.f_bavail * seen.f_frsize)


def of_head(record: dict[str, Any], now: float) -> Iterator[Sample]:
    """Who leads, and there what the autoscaler told last; elsewhere that is of long ago."""
    if record["kind"] != "head":
        return
    group = str(record["group"])
    labels = {"group": group, "slot": str(record["slot"])}
    view = files.read_json(layout.keeper_view_of(group)) or {}
    leads = view.get("state") == "leads"
    yield Sample("adbray_head_leads", labels, float(leads))
    scaling = files.read_json(layout.scaling_of(group))
    if not leads or not scaling:
        return
    of_group = {"group": group}
    yield Sample("adbray_scaling_age_seconds", of_group, max(0.0, now - float(scaling["at"])))
    waiting = scaling.get("waiting") or []
    oldest = min((float(one["since"]) for one in waiting), default=now)
    yield Sample("adbray_demand_blocked", of_group, len(waiting))
    yield Sample("adbray_demand_blocked_seconds", of_group, max(0.0, now - oldest))
    for one in scaling.get("set_aside") or []:
        where = {"group": group, "slot": str(one["slot"]), "on": str(one["host"])}
        yield Sample("adbray_slot_set_aside", where, int(one["times"]))


def of_cards(now: float) -> Iterator[Sample]:
    """Of each GPU what it tells, if it was asked lately; an older adbray asked for less."""
    path = os.path.join(layout.RUN, "gpus.json")
    if not os.path.exists(path) or now - os.stat(path).st_mtime > CARDS_OLD_S:
        return
    for card in (files.read_json(path) or {}).get("found") or []:
        total, used = card["memory_mb"], card.get("memory_used_mb")
        figures = {
            "utilization_ratio": card.get("utilization"),
            "memory_used_bytes": used * 2**20 if total and used is not None else None,
            "memory_total_bytes": total * 2**20 if total else None,
            "temperature_celsius": card["temperature_c"],
            "power_watts": card.get("power_w"),
            "xid_errors_total": card.get("xid_errors"),
            "ecc_uncorrected_total": card["ecc_errors"] if card["ecc"] else None,
        }
        names = {"card": str(card["index"]), "uuid": card["uuid"], "model": card["name"]}
        for name, value in figures.items():
            if value is not None:
                yield Sample("adbray_gpu_" + name, names, value)


def of_certificates() -> Iterator[Sample]:
    """The first end of those in each file; that of the web server is no group's."""
    paths = glob.glob(layout.ETC + "/*/*.crt") + glob.glob(layout.WEB + "/*.crt")
    for path in sorted(paths):
        try:
            with open(path, encoding="utf-8") as file:
                ends = [end_of(pem) for pem in PEM.findall(file.read())]
        except (OSError, ValueError, subprocess.CalledProcessError):
            continue
        if ends:
            folder = os.path.dirname(path)
            group = os.path.basename(folder) if os.path.dirname(folder) == layout.ETC else ""
            labels = {"group": group, "file": os.path.basename(path)}
            yield Sample("adbray_certificate_expires_seconds", labels, min(ends))


def samples(now: float) -> Iterator[Sample]:
    found = records()
    units = [str(record["unit"]) for record in found if record.get("unit")]
    try:
        states = systemd.show(units, SHOWN, 30)
    except systemd.SystemdError as error:
        print(f"units: {error}", file=sys.stderr, flush=True)
        states = {}
    parts = [("certificates", of_certificates()), ("cards", of_cards(now))]
    for record in found:
        name = f"{record['group']}/{record['slot']}"
        parts += [(name, of_unit(record, states)), (name, of_disk(record))]
        parts += [(name, of_head(record, now))]
    for what, part in parts:
        try:
            yield from part
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"{what}: {error!r}", file=sys.stderr, flush=True)


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


def main(words: list[str]) -> int:
    while True:
        files.write(words[0], exposition(samples(time.time())))
        time.sleep(EVERY_S)
