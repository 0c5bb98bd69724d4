"""Waiting until a unit's process accepts TCP connections."""

from __future__ import annotations

import socket
import time
from typing import Any

from ansible_collections.adbray.ray.plugins.module_utils.systemd import UnitError, journals


def await_answers(units: list[dict[str, Any]]) -> None:
    """Wait until every started unit with ``answers_at`` accepts a TCP connection."""
    began = time.monotonic()
    for unit in units:
        if unit["state"] != "started" or not unit["answers_at"]:
            continue
        host, port = unit["answers_at"].rsplit(":", 1)
        while not accepts(host, int(port)):
            if time.monotonic() - began > unit["within_s"]:
                raise UnitError(
                    f"{unit['name']} does not answer at {unit['answers_at']} after"
                    f" {unit['within_s']} s{journals((unit['name'],))}"
                )
            time.sleep(0.2)


def accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False
