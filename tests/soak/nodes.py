"""Which nodes Ray has, by its own word."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.e2e.conftest import Project


def living(site: Project, group: str, head: str) -> list[dict[str, Any]]:
    """The workers that Ray lists as alive, as its own API on the host ``head`` tells them."""
    url = f"http://{site.addresses[head]}:8265/api/v0/nodes?limit=1000&detail=1"
    bearer = {"Authorization": f"Bearer {site.secret('token', group)}"}
    request = urllib.request.Request(url, headers=bearer)
    with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310
        nodes = json.load(answer)["data"]["result"]["result"]
    return [n for n in nodes if n["state"] == "ALIVE" and not n["is_head_node"]]


def slot_of(node: dict[str, Any]) -> str:
    return str(node["labels"]["adbray.io/slot"])
