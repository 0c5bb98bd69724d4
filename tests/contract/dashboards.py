"""The dashboards of the role, and those that Ray makes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl.core.desired.grafana import ray_dashboard_settings

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "grafana"
BOARDS = sorted((ROLE / "files" / "dashboards").glob("*.json"))
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of collapsed rows too."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels") or ()


def variables(board: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = board["templating"]["list"]
    return found


def made_by_ray(group: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What the installed Ray makes for ``group``, by the name of its settings."""
    for name, value in ray_dashboard_settings(group).items():
        monkeypatch.setenv(name, value)
    script = ROLE / "files" / "ray_dashboards.py"
    done = subprocess.run([sys.executable, "-I", "-B", script], capture_output=True, check=True)
    return {name.upper(): json.loads(text) for name, text in json.loads(done.stdout).items()}
