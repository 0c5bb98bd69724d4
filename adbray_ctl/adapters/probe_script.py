"""The observe pass's remote half: runs on a host under its own python3 and prints one JSON text.

Standard library only, Python 3.7 or newer, one process for everything, and it changes nothing.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import threading
import urllib.request
from typing import Any

ETC = "/etc/adbray"
DATA = "/var/lib/adbray"


def read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def memory_mb() -> int:
    for line in read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def address() -> str:
    """The host's own end of the SSH connection: $SSH_CONNECTION, given as an argument."""
    fields = sys.argv[1].split() if len(sys.argv) > 1 else []
    return fields[2] if len(fields) == 4 else ""


def disk_gb(slots: list[dict[str, Any]]) -> int:
    """Free space where slots live, plus what their images hold already."""
    path = DATA if os.path.isdir(DATA) else "/var/lib"
    stat = os.statvfs(path)
    held = sum(int(slot["record"].get("disk_gb", 0)) for slot in slots)
    return stat.f_bavail * stat.f_frsize // 2**30 + held


def os_name() -> str:
    for line in read("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return "unknown"


def pythons() -> list[str]:
    names = glob.glob("/usr/bin/python3.*") + glob.glob("/usr/local/bin/python3.*")
    versions = {os.path.basename(name)[len("python") :] for name in names}
    return sorted(v for v in versions if v.replace(".", "").isdigit())


def slots() -> list[dict[str, Any]]:
    found = []
    for path in sorted(glob.glob(ETC + "/*/*.json")):
        try:
            record = json.loads(read(path))
            found.append({"record": record, "applied_at": os.stat(path).st_mtime})
        except (ValueError, OSError):
            continue
    return [slot for slot in found if "slot" in slot["record"]]


def units() -> list[dict[str, Any]]:
    keys = "Id,ActiveState,SubState,NRestarts"
    # By their files: a prepared unit is not loaded, so that a glob would not show it.
    names = [os.path.basename(p) for p in glob.glob("/etc/systemd/system/adbray-*.service")]
    if not names:
        return []
    command = ["systemctl", "show", "--property=" + keys, *names]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, timeout=10, check=False)
        output = result.stdout.decode()
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for block in output.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("Id"):
            found.append(
                {
                    "unit": fields["Id"],
                    "active": fields.get("ActiveState", ""),
                    "sub": fields.get("SubState", ""),
                    "restarts": int(fields.get("NRestarts") or 0),
                }
            )
    return found


def groups(seen_units: list[dict[str, Any]]) -> list[str]:
    """Every group that left anything here: records, disks, images or units."""
    names: set[str] = set()
    for base in (ETC, DATA):
        names.update(n for n in _listdir(base) if os.path.isdir(os.path.join(base, n)))
    names.update(n.split(".", 1)[0] for n in _listdir(DATA + "/.images"))
    for unit in seen_units:
        instance = unit["unit"].rsplit(".", 1)[0].partition("@")[2]
        if instance:
            names.add(instance.split(".", 1)[0])
    return sorted(n for n in names if n and not n.startswith("."))


def _listdir(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def ray_view(record: dict[str, Any], answers: list[dict[str, Any]]) -> None:
    """Ray's nodes, asked on the head itself so that the token stays on the host."""
    group = record["group"]
    address = record.get("address") or "127.0.0.1"
    url = "http://%s:%d/api/v0/nodes?limit=10000&detail=1" % (
        address,
        record["ports"]["dashboard"],
    )
    token = read(os.path.join(ETC, group, "token")).strip()
    request = urllib.request.Request(url, headers={"Authorization": "Bearer " + token})
    try:
        with urllib.request.urlopen(request, timeout=4) as response:
            body = json.load(response)
        rows = body["data"]["result"]["result"]
        nodes = [
            {
                "node_id": row["node_id"],
                "address": row["node_ip"],
                "alive": row["state"] == "ALIVE",
                "is_head": bool(row.get("is_head_node")),
                "labels": row.get("labels") or {},
                "resources": {
                    k: v
                    for k, v in (row.get("resources_total") or {}).items()
                    if isinstance(v, (int, float))
                },
            }
            for row in rows
        ]
        answers.append({"group": group, "nodes": nodes})
    except Exception as error:  # whatever Ray does, the host's own answer must still be given
        answers.append({"group": group, "error": "%s: %s" % (type(error).__name__, error)})


def main() -> None:
    found, running = slots(), units()
    answers: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=ray_view, args=(slot["record"], answers))
        for slot in found
        if slot["record"].get("kind") == "head"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(8)
    print(
        json.dumps(
            {
                "facts": {
                    "address": address(),
                    "cpus": os.cpu_count() or 1,
                    "memory_mb": memory_mb(),
                    "disk_gb": disk_gb(found),
                    "gpus": len(glob.glob("/proc/driver/nvidia/gpus/*")),
                    "arch": os.uname().machine,
                    "os": os_name(),
                    "pythons": pythons(),
                },
                "slots": found,
                "units": running,
                "groups": groups(running),
                "ray": answers,
            }
        )
    )


main()
