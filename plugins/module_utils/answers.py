"""Waiting until a unit's process accepts TCP connections."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from ansible_collections.adbray.ray.plugins.module_utils.adbray_host import layout
from ansible_collections.adbray.ray.plugins.module_utils.systemd import UnitError, journals


def await_answers(units: list[dict[str, Any]]) -> None:
    """Wait until every started unit with ``answers_at`` accepts a TCP connection.

    Its time begins once it has its turn to start.
    """
    began = time.monotonic()
    for unit in units:
        if unit["state"] != "started" or not unit["answers_at"]:
            continue
        host, port = unit["answers_at"].rsplit(":", 1)
        while not accepts(host, int(port)):
            if waits_for_turn(unit["name"]):
                began = time.monotonic()
            if time.monotonic() - began > unit["within_s"]:
                raise UnitError(
                    f"{unit['name']} does not answer at {unit['answers_at']} after"
                    f" {unit['within_s']} s{journals((unit['name'],))}"
                )
            time.sleep(0.2)


def waits_for_turn(unit: str) -> bool:
    """Whether other starts of this host come first, as adbray-turns.service shows it."""
    try:
        with open(layout.turns_view(), encoding="utf-8") as file:
            entry = json.load(file)["units"][unit]
    except (OSError, ValueError, KeyError):
        return False
    return str(entry["state"]) == "waits"


def accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False
