"""The observe pass's remote half: runs on a host under its own python3 and prints one JSON text.

Standard library only, Python 3.7 or newer, one process for everything, and it changes nothing.
file_systems.py, gpus.py and standing.py travel with it (host_scripts.py).
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import re
import subprocess
import threading
import time
import urllib.request
from typing import Any

from adbray_ctl.adapters.host import gpus, slot_files, standing
from adbray_ctl.adapters.host.file_systems import disk_use, file_systems, is_mounted
from adbray_ctl.adapters.host.standing import listdir

ETC = "/etc/adbray"
DATA = "/var/lib/adbray"
RUN = "/run/adbray"
LOGS = "/var/lib/adbray-logs"
UNITS = "/etc/systemd/system"
STARTED = "/var/lib/adbray-units"
RUNTIMES = "/opt/adbray"
KEYS = ETC + "/.slot/.ssh/authorized_keys"
WATCHED = "/etc/adbray-monitoring/groups"
GRAFANA = "/etc/adbray-monitoring/grafana/admin_password"
WEB = "/etc/adbray-web/password"


class Refuse(urllib.request.HTTPRedirectHandler):
    """urllib would hand the headers on to wherever it is sent, and the token with them."""

    def redirect_request(self, *_: Any) -> None:
        return None


# To the host itself, never through a proxy that /etc/environment may name.
STRAIGHT = urllib.request.build_opener(urllib.request.ProxyHandler({}), Refuse())


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
    """The host's own end of the SSH connection."""
    fields = os.environ.get("SSH_CONNECTION", "").split()
    return fields[2] if len(fields) == 4 else ""


def network() -> str:
    """The network of that address, as the kernel routes it: 10.0.0.0/24."""
    own = address()
    shown = ["ip", "-4", "route", "show", "scope", "link", "src", own]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        done = subprocess.run(shown, stdout=subprocess.PIPE, timeout=5, check=True, env=environment)
    except (OSError, subprocess.SubprocessError):
        return ""
    first = done.stdout.decode().split()[:1] if own else []
    return first[0] if first and "/" in first[0] else ""


def slots(unseen: list[dict[str, str]]) -> list[dict[str, Any]]:
    found = standing.slots(ETC, unseen)
    for slot in found:
        slot["disks"] = [disk_use(disk) for disk in disks(slot["record"])]
        if slot["record"].get("kind") == "head":
            slot["keeper"] = keeper(slot["record"]["group"])
        if "sentinel" in slot["record"].get("ports", {}):
            slot["primary"] = primary(slot["record"]["group"])
    slot_files.largest([use for slot in found for use in slot["disks"]])
    return found


def disks(record: dict[str, Any]) -> list[str]:
    """Where a slot's disk is mounted, and the one of its spilled objects if it has one."""
    if not record.get("disk_gb"):
        return []
    # A head's disk is called so on a standby's host too.
    name = "head" if record.get("kind") == "head" else record["slot"]
    disk = os.path.join(DATA, record["group"], name)
    apart = (record.get("disk") or {}).get("spill")
    return [disk, disk + "/spill"] if apart else [disk]


def keeper(group: str) -> dict[str, Any] | None:
    """What the head's keeper told last; nothing once its unit has stopped."""
    try:
        view: dict[str, Any] = json.loads(read("/run/adbray-head.%s/keeper.json" % group))
    except ValueError:
        return None
    return view


def primary(group: str) -> str:
    """host:port of the Redis that this host's Sentinel last wrote down as the primary."""
    for line in read("%s/%s/sentinel/sentinel.conf" % (DATA, group)).splitlines():
        if line.startswith("sentinel monitor "):
            return ":".join(line.split()[3:5])
    return ""


def started_with(unit: str) -> dict[str, str]:
    """Digests by path of what a unit was last started with: managed_units keeps them."""
    try:
        digests: dict[str, str] = json.loads(read("%s/%s.json" % (STARTED, unit)))
    except ValueError:
        return {}
    return digests


def record_path(record: dict[str, Any]) -> str:
    """Where a slot's record is: all heads of a group have one name, and so have all its Redis."""
    name = record["slot"] if record.get("kind") == "worker" else record.get("kind")
    return "%s/%s/%s.json" % (ETC, record["group"], name)


def drift(record: dict[str, Any], active: set[str]) -> list[str]:
    """What of a slot was changed by other hands, or was written and never came to be."""
    found = []
    unit = record.get("unit", "")
    kept = started_with(unit) if unit in active else {}
    for path, digest in sorted(record.get("files", {}).items()):
        try:
            with open(path, "rb") as file:
                if hashlib.sha256(file.read()).hexdigest() != digest:
                    found.append(path + " was edited")
                    continue
        except OSError:
            found.append(path + " is missing")
            continue
        if kept.get(path, digest) != digest:
            found.append("its process is older than " + path)
    path = record_path(record)
    if kept.get(path, record.get("revision")) != record.get("revision"):
        found.append("its process is older than " + path)
    if os.path.exists("%s/%s/%s.hold" % (RUN, record["group"], record["slot"])):
        found.append("it is held back from the autoscaler")
    found += [disk + " is not mounted" for disk in disks(record) if not is_mounted(disk)]
    return found


def traces() -> list[dict[str, Any]]:
    """By group, all that it left here: records, secrets, disks, units, its head's key."""
    found: dict[str, list[tuple[str, str]]] = {}

    def add(group: str, what: str, path: str) -> None:
        if group and not group.startswith("."):
            found.setdefault(group, []).append((what, path))

    for name in filter(lambda n: os.path.isdir(os.path.join(ETC, n)), listdir(ETC)):
        add(name, os.path.join(ETC, name), os.path.join(ETC, name))
    for name in filter(lambda n: os.path.isdir(os.path.join(DATA, n)), listdir(DATA)):
        path = os.path.join(DATA, name)
        for disk in sorted(listdir(path)) or [""]:
            add(name, os.path.join(path, disk).rstrip("/"), path)
    for folder, what in (
        (DATA + "/.images", ""),
        (DATA + "/.slots", ""),
        (LOGS, "kept logs: "),
        (WATCHED, "what Prometheus knows of it: "),
    ):
        for name in listdir(folder):
            path = os.path.join(folder, name)
            add(name.split(".", 1)[0], what + path, path)
    for name in listdir(UNITS):
        add(group_of_unit(name), name, os.path.join(UNITS, name))
    for line in read(KEYS).splitlines():
        match = re.search(' --group ([a-z0-9-]+)"', line)
        if match:
            add(match.group(1), "its head's key in " + KEYS, KEYS)
    return [
        {
            "group": group,
            "what": sorted(what for what, _ in left),
            "changed_at": max(_mtime(path) for _, path in left),
            "changed_by": changed_by(group),
        }
        for group, left in sorted(found.items())
    ]


def runtimes() -> dict[str, list[str]]:
    """The environments that Ray runs in, by path, with what was installed there."""
    found = {}
    for path in glob.glob(RUNTIMES + "/ray-*/.adbray.json"):
        try:
            found[os.path.dirname(path)] = list(json.loads(read(path))["requirements"])
        except (ValueError, KeyError, TypeError):
            continue
    return found


def watched() -> dict[str, str]:
    """The groups that this host's Prometheus watches, with the revision of what it knows."""
    found = {}
    for name in listdir(WATCHED):
        try:
            record = json.loads(read(os.path.join(WATCHED, name)))
            found[str(record["group"])] = str(record["revision"])
        except (ValueError, KeyError, TypeError):
            continue
    return found


def group_of_unit(name: str) -> str:
    """The group of one of adbray's units; nothing for those of others, and what groups share."""
    if name.startswith("adbray-") and "@" in name:
        return name.partition("@")[2].split(".", 1)[0]
    if name.startswith("var-lib-adbray-") and name.endswith(".mount"):
        # systemd escapes what stands between two slashes, and '-' in it.
        return name[len("var-lib-adbray-") :].split("-", 1)[0].replace("\\x2d", "-")
    return ""


def changed_by(group: str) -> str:
    """Who held the lease on the group last, if its head is here and the host did not boot since."""
    try:
        return str(json.loads(read("%s/%s.lease" % (RUN, group)))["owner"]["text"])
    except (ValueError, KeyError, TypeError):
        return ""


def _mtime(path: str) -> float:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime
    return 0.0


class Dashboard:
    """Ray's HTTP API, asked on the head itself so that the token stays on the host."""

    def __init__(self, record: dict[str, Any]) -> None:
        host = record.get("address") or "127.0.0.1"
        self.base = "http://%s:%d" % (host, record["ports"]["dashboard"])
        self.token = read(os.path.join(ETC, record["group"], "token")).strip()

    def get(self, path: str) -> Any:
        headers = {"Authorization": "Bearer " + self.token}
        request = urllib.request.Request(self.base + path, headers=headers)
        with STRAIGHT.open(request, timeout=4) as response:
            return json.load(response)

    def rows(self, kind: str, state: str = "") -> list[dict[str, Any]]:
        query = "limit=10000&detail=1"
        if state:
            query += "&filter_keys=state&filter_predicates=%3D&filter_values=" + state
        found = self.get("/api/v0/%s?%s" % (kind, query))["data"]["result"]["result"]
        return list(found)


def ray_view(slot: dict[str, Any], answers: list[dict[str, Any]]) -> None:
    """Ray's nodes, and the jobs that run on them; and what the autoscaler last told."""
    record, keeper_view = slot["record"], slot.get("keeper") or {}
    view: dict[str, Any] = {"group": record["group"], "scaling": scaling(record["group"])}
    answers.append(view)
    if keeper_view.get("state") == "waits":
        view["error"] = (
            "%s leads" % keeper_view["leader"] if keeper_view.get("leader") else "nobody leads"
        )
        return
    try:
        dashboard = Dashboard(record)
        view["nodes"] = [ray_node(row) for row in dashboard.rows("nodes")]
        view["jobs"], view["load"] = ray_work(dashboard)
        with contextlib.suppress(OSError):  # a head that does not judge uploads
            view["uploads"] = dashboard.get("/api/packages/adbray/room")
    except Exception as error:  # whatever Ray does, the host's own answer must still be given
        view["error"] = "%s: %s" % (type(error).__name__, error)


def scaling(group: str) -> dict[str, Any] | None:
    try:
        view: dict[str, Any] = json.loads(read("%s/%s/head/logs/scaling.json" % (DATA, group)))
        view["age_s"] = time.time() - view["at"]
    except (ValueError, KeyError, TypeError):
        return None
    return view


def ray_node(row: dict[str, Any]) -> dict[str, Any]:
    total = row.get("resources_total") or {}
    return {
        "node_id": row["node_id"],
        "address": row["node_ip"],
        "alive": row["state"] == "ALIVE",
        "is_head": bool(row.get("is_head_node")),
        "labels": row.get("labels") or {},
        "started_at": (row.get("start_time_ms") or 0) / 1000,
        "resources": {k: v for k, v in total.items() if isinstance(v, (int, float))},
    }


def ray_work(dashboard: Dashboard) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
    """The running jobs with their nodes, and how much of each kind runs on each node."""
    jobs: dict[str, dict[str, Any]] = {}
    load: dict[str, dict[str, int]] = {}

    def count(kind: str, job: str, node: str) -> None:
        here = load.setdefault(node, {"drivers": 0, "actors": 0, "tasks": 0, "detached": 0})
        here[kind] += 1
        if job in jobs and node not in jobs[job]["nodes"]:
            jobs[job]["nodes"].append(node)

    for row in dashboard.get("/api/jobs/"):
        if row.get("status") not in ("RUNNING", "PENDING"):
            continue
        job = row.get("job_id") or row.get("submission_id") or ""
        name = row.get("submission_id") or job
        jobs[job] = {"id": name, "entrypoint": row.get("entrypoint") or "", "nodes": []}
        if row.get("driver_node_id"):
            count("drivers", job, row["driver_node_id"])
    for row in dashboard.rows("actors", "ALIVE"):
        if row.get("ray_namespace") != "SUPERVISOR_ACTOR_RAY_NAMESPACE":
            count("actors", row["job_id"], row["node_id"])
            load[row["node_id"]]["detached"] += bool(row.get("is_detached"))
    for row in dashboard.rows("tasks", "RUNNING"):
        if row.get("node_id") and row.get("type") in ("NORMAL_TASK", "ACTOR_TASK"):
            count("tasks", row["job_id"], row["node_id"])
    return list(jobs.values()), load


def main() -> None:
    cards = gpus.reading()  # before there are threads, since it forks
    unseen: list[dict[str, str]] = []
    found, running, left = slots(unseen), standing.units(UNITS, unseen), traces()
    standing.without_record(ETC, found, running, unseen)
    active = {unit["unit"] for unit in running if unit["active"] == "active"}
    for slot in found:
        slot["drift"] = drift(slot["record"], active)
    answers: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=ray_view, args=(slot, answers))
        for slot in found
        if slot["record"].get("kind") == "head"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(8)
    answer = {
        "facts": {
            "address": address(),
            "network": network(),
            "machine": read("/etc/machine-id").strip(),
            "boot": read("/proc/sys/kernel/random/boot_id").strip(),
            "host_keys": standing.host_keys(),
            "cpus": os.cpu_count() or 1,
            "memory_mb": memory_mb(),
            "file_systems": file_systems(DATA),
            "gpus": cards["cards"],
            "gpu": cards,
        },
        "slots": found,
        "units": running,
        "groups": [trace["group"] for trace in left],
        "traces": left,
        "watched": watched(),
        "runtimes": runtimes(),
        "grafana": os.path.exists(GRAFANA),
        "web": os.path.exists(WEB),
        "unseen": unseen,
        "ray": answers,
    }
    print(json.dumps(answer))


main()
