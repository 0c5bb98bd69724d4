"""What rounds of faults measured: told, and kept for docs/what-survives.md if that is wanted."""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from tests.e2e.guarded import HANG_S

RAY = "2.60.0"
FACTS = os.environ.get("ADBRAY_DRILLS")


def note(**facts: Any) -> None:
    """Keep ``facts``, the rounds of each fault among them, beside those of other tests."""
    if FACTS is None:
        return
    path = Path(FACTS)
    told = json.loads(path.read_text()) if path.exists() else {}
    rounds = {**told.get("rounds", {}), **facts.pop("rounds", {})}
    told |= {"ray": RAY, "machine": "two cores", "hang_s": HANG_S, **facts, "rounds": rounds}
    path.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


def figures(drills: list[dict[str, Any]]) -> list[dict[str, float]]:
    """What is kept of each drill."""
    return [{k: one[k] for k in ("recovered_s", "held_s", "nodes_back_s")} for one in drills]


def show(text: str) -> None:
    """A figure for docs/soak.md; shown by `pytest -s`."""
    sys.stdout.write(f"{text}\n")


def tell(what: str, seconds: list[float]) -> None:
    """A line with median and worst."""
    middle, worst = statistics.median(seconds), max(seconds)
    listed = " ".join(f"{one:.1f}" for one in seconds)
    sys.stderr.write(f"{what}: median {middle:.1f} s, worst {worst:.1f} s ({listed})\n")
