"""What Ray makes of a node whose Python differs from the head's in its last number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROLES = Path(__file__).parents[2] / "roles"
UNITS = ("ray_worker/templates/worker.service.j2", "ray_head/templates/head.service.j2")
SETTING = "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL"
# As `ray start` and drivers do with what the head wrote down (ray/_private/node.py).
JOINS = """
import sys
from ray._private.utils import check_version_info, compute_version_info
ray, python = compute_version_info()
other = python.rpartition(".")[0] + ".99" if sys.argv[1] == "patch" else "3.99.1"
check_version_info({"ray_version": ray, "python_version": other}, "this node")
"""


def joins(differs: str, **settings: str) -> str:
    """Empty if such a node may join, or else the last line of what Ray says."""
    environment = {name: value for name, value in os.environ.items() if name != SETTING}
    done = subprocess.run(
        [sys.executable, "-c", JOINS, differs],
        capture_output=True,
        text=True,
        check=False,
        env=environment | settings,
    )
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_our_units_let_nodes_of_another_patch_release_join(unit: str) -> None:
    found = re.search(rf"^Environment={SETTING}=(\w+)$", (ROLES / unit).read_text(), re.MULTILINE)
    assert found
    assert joins("patch", **{SETTING: found[1]}) == ""
    assert "Version mismatch" in joins("minor", **{SETTING: found[1]})


def test_without_it_ray_refuses_them() -> None:
    assert "Version mismatch" in joins("patch")
