"""What Ray says on its head: nodes, jobs, the work on each node, and what the autoscaler wrote."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from typing import Any

from adbray_host import files, layout


class _Refuse(urllib.request.HTTPRedirectHandler):
    """urllib would hand the headers on to wherever it is sent, and the token with them."""

    def redirect_request(self, *_: Any) -> None:
        return None


# To the host itself, never through a proxy that /etc/environment may name.
_STRAIGHT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Refuse())
_PATIENCE_S = 4


class Dashboard:
    """Ray's HTTP API, asked on the head itself so that the token stays on the host."""

    def __init__(self, record: dict[str, Any]) -> None:
        host = record.get("address") or "127.0.0.1"
        self.base = "http://%s:%d" % (host, record["ports"]["dashboard"])
        self.token = files.read(layout.token_of(record["group"])).strip()

    def get(self, path: str) -> Any:
        headers = {"Authorization": "Bearer " + self.token}
        request = urllib.request.Request(self.base + path, headers=headers)
        with _STRAIGHT.open(request, timeout=_PATIENCE_S) as response:
            return json.load(response)

    def rows(self, kind: str, state: str = "") -> list[dict[str, Any]]:
        query = "limit=10000&detail=1"
        if state:
            query += "&filter_keys=state&filter_predicates=%3D&filter_values=" + state
        found = self.get("/api/v0/%s?%s" % (kind, query))["data"]["result"]["result"]
        return list(found)


def view(slot: dict[str, Any], answers: list[dict[str, Any]]) -> None:
    """Add Ray's nodes, and the jobs that run on them; and what the autoscaler wrote last."""
    record, keeper = slot["record"], slot.get("keeper") or {}
    found: dict[str, Any] = {"group": record["group"], "scaling": scaling(record["group"])}
    answers.append(found)
    if keeper.get("state") == "waits":
        found["error"] = "%s leads" % keeper["leader"] if keeper.get("leader") else "nobody leads"
        return
    try:
        dashboard = Dashboard(record)
        found["nodes"] = [_node(row) for row in dashboard.rows("nodes")]
        found["jobs"], found["load"] = _work(dashboard)
        with contextlib.suppress(OSError):  # a head that does not judge uploads
            found["uploads"] = dashboard.get("/api/packages/adbray/room")
    except Exception as error:  # whatever Ray does, the host's own answer must still be given
        found["error"] = "%s: %s" % (type(error).__name__, error)


def scaling(group: str) -> dict[str, Any] | None:
    found = files.read_json(layout.scaling_of(group))
    try:
        return found and dict(found, age_s=time.time() - found["at"])
    except (KeyError, TypeError):
        return None


def _node(row: dict[str, Any]) -> dict[str, Any]:
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


def _work(dashboard: Dashboard) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
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
