"""The package as a whole: the Python it needs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import adbray_host

FOLDER = Path(adbray_host.__file__).parent


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_the_oldest_python_of_hosts_can_read_it(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 7))
