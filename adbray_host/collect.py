"""The command `collect REQUEST`: what a support bundle has of one host.

REQUEST is JSON: the group, the lines of each journal and since when (seconds since the epoch), and
the bytes that all may come to. It prints the files by name, packed. What is secret in them is taken
out by who asked.
"""

from __future__ import annotations

import base64
import glob
import json
import os
import platform
import subprocess
import zlib
from collections.abc import Callable
from typing import Any

from adbray_host import files, layout, records, slot_logs
from adbray_host.programs import said

LOG_BYTES = 256 * 1024
# One text of a command; what is longer is cut, and says so.
TEXT_BYTES = 1024 * 1024
SHARED_UNITS = {
    "usage": "adbray-usage.service",
    "logs": "adbray-logs@*",
    "gpus": "adbray-gpu*",
    "turns": "adbray-turns.service",
}
OOM = ("out of memory", "oom-kill", "oom_reaper", "killed process", "memory cgroup")
FIGURES = {
    "disks.txt": (["df", "-k", "-T"], ["df", "-i"]),
    "memory.txt": (["cat", "/proc/meminfo"], ["sh", "-c", "head -n 99 /proc/pressure/*"]),
    "processes.txt": (["ps", "-eo", "pid,user,stat,etimes,rss,pcpu,comm", "--sort=-rss"],),
    "network.txt": (["ip", "-brief", "address"], ["ss", "-ltn"]),
    "time.txt": (["date", "--iso-8601=ns"], ["uptime"], ["timedatectl", "--no-pager"]),
    "gpus.txt": (["nvidia-smi"],),
}


class Bundle:
    """Files by name, of ``budget`` bytes at most; what there was no room for is named."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.files: dict[str, str] = {}
        self.left_out: list[str] = []

    def add(self, name: str, text: str) -> None:
        if not text:
            return
        if len(text) > TEXT_BYTES:
            text = "[cut]\n" + text[-TEXT_BYTES:].partition("\n")[2]
        if len(text) > self.budget:
            self.left_out.append(name)
            return
        self.budget -= len(text)
        self.files[name] = text


def versions(bundle: Bundle, found: dict[str, dict[str, Any]]) -> None:
    versions = {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "systemd": said("systemctl", "--version").partition("\n")[0],
        "redis": said("redis-server", "--version").strip(),
        "runtimes": sorted(files.names_in(layout.RUNTIMES)),
        "venvs": sorted({record.get("venv", "") for record in found.values()} - {""}),
    }
    with open("/etc/os-release", encoding="utf-8") as file:
        bundle.add("versions.txt", json.dumps(versions, indent=2) + "\n\n" + file.read())


def journals(bundle: Bundle, group: str, lines: int, since: int) -> None:
    how = ("--no-pager", "-q", "-o", "short-iso", "-n", str(lines), "--since", "@%d" % since)
    for unit in records.units_of(group):
        bundle.add("journal/%s.log" % unit, said("journalctl", *how, "-u", unit))
    bundle.add("journal/gate.log", said("journalctl", *how, "-t", "adbray-slot"))
    for name, unit in SHARED_UNITS.items():
        bundle.add("journal/%s.log" % name, said("journalctl", *how, "-u", unit))
    kernel = said("journalctl", "--no-pager", "-q", "-k", "-o", "short-iso", "--since", how[-1])
    killed = [line for line in kernel.splitlines() if any(word in line.lower() for word in OOM)]
    bundle.add("journal/kernel-oom.log", "".join(line + "\n" for line in killed[-lines:]))


def units(bundle: Bundle, group: str) -> None:
    names = records.units_of(group)
    shared = glob.glob(layout.UNITS + "/adbray*.slice") + glob.glob(
        layout.UNITS + "/adbray-[a-z]*[a-z].*"
    )
    for name in sorted({*names, *(os.path.basename(path) for path in shared if "@" not in path)}):
        bundle.add("units/" + name, slot_logs.tail(layout.UNITS, name, TEXT_BYTES))
    for name in names:
        bundle.add("units/%s.show" % name, said("systemctl", "show", "--no-pager", "--", name))
    listed = ("systemctl", "list-units", "--all", "--no-pager", "--plain", "adbray*")
    bundle.add("units/list.txt", said(*listed) + said("systemctl", "list-jobs", "--no-pager"))


def logs(bundle: Bundle, group: str, found: dict[str, dict[str, Any]]) -> None:
    for slot, record in found.items():
        if not record.get("disk_gb"):
            continue
        disk = layout.disk_of(record)
        names = [name for name, _ in slot_logs.session_files(disk)]
        own = glob.glob(os.path.join(disk, "logs", "*.json*"))
        names += [os.path.relpath(path, disk) for path in own]
        # The last written first: of what there is no room for, the oldest is missed least.
        for name in reversed(names):
            text = slot_logs.tail(disk, name, LOG_BYTES)
            bundle.add("ray/%s/%s" % (slot, slot_logs.shown(name)), text)
    kept = slot_logs.kept(group)
    bundle.add("kept/list.json", json.dumps(kept, indent=2) if kept else "")
    for one in {one["slot"]: one for one in kept}.values():
        folder = "kept/%s/%s/" % (one["slot"], one["start"])
        for name, text in slot_logs.kept_files(group, one["slot"], one["start"], LOG_BYTES // 4):
            bundle.add(folder + name, text)


def redis(bundle: Bundle, group: str, found: dict[str, dict[str, Any]]) -> None:
    """Its figures, as the user that has no keys."""
    etc = os.path.join(layout.ETC, group)
    for slot, record in found.items():
        if record.get("kind") != "redis":
            continue
        at = ["-h", record["address"], "-p", str(record["ports"]["redis"])]
        tls = (
            ["--tls", "--cacert", etc + "/redis.crt"] if os.path.exists(etc + "/redis.crt") else []
        )
        try:
            with open(etc + "/redis_exporter_password", encoding="utf-8") as file:
                login = {"REDISCLI_AUTH": file.read().strip()}
            command = ["redis-cli", "--no-auth-warning", "--user", "exporter", *tls, *at, "info"]
            done = subprocess.run(
                command,
                env=dict(os.environ, **login),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=10,
                check=False,
            )
            bundle.add("redis/%s.info" % slot, done.stdout.decode("utf-8", "replace"))
        except (OSError, subprocess.SubprocessError) as error:
            bundle.left_out.append("redis/%s.info: %s" % (slot, error))


def figures(bundle: Bundle) -> None:
    for name, commands in FIGURES.items():
        shown = ("$ %s\n%s\n" % (" ".join(command), said(*command)) for command in commands)
        bundle.add(name, "".join(shown))


def recorded(bundle: Bundle, found: dict[str, dict[str, Any]]) -> None:
    for slot, record in found.items():
        bundle.add("records/%s.json" % slot, json.dumps(record, indent=2))


def main(words: list[str]) -> None:
    asked = json.loads(words[0])
    group, lines, since = asked["group"], asked["lines"], asked["since"]
    found = slot_logs.records_of(group)
    bundle = Bundle(asked["budget"])
    parts: tuple[Callable[[], None], ...] = (
        lambda: versions(bundle, found),
        lambda: recorded(bundle, found),
        lambda: figures(bundle),
        lambda: redis(bundle, group, found),
        lambda: units(bundle, group),
        lambda: journals(bundle, group, lines, since),
        lambda: logs(bundle, group, found),
    )
    for part in parts:
        try:
            part()
        except Exception as error:  # nothing else may be missed for it
            bundle.left_out.append("%s: %s" % (type(error).__name__, error))
    answer = {"files": bundle.files, "left_out": bundle.left_out}
    print(base64.b64encode(zlib.compress(json.dumps(answer).encode())).decode())
