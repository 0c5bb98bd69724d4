"""Prometheus's own judge of rules, and the metrics that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import ray.dashboard.modules.metrics.dashboards as ray_dashboards

from adbray_host import metrics

ROOT = Path(__file__).resolve().parents[2]


def promtool(*arguments: str) -> None:
    """The real one: no other knows PromQL."""
    if shutil.which("promtool") is None:
        pytest.fail("promtool is not installed: run `scripts/bootstrap.sh test` as root")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def own_metrics() -> set[str]:
    """What a host tells of its slots."""
    return set(metrics.HELP)


def ray_panels() -> set[str]:
    """What Ray's own dashboards ask for: some metrics appear with the first event alone."""
    source = Path(str(ray_dashboards.__path__[0])) / "default_dashboard_panels.py"
    return set(re.findall(r"\bray_\w+", source.read_text(encoding="utf-8")))
