"""What tests share is in modules that hold no tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def imports_of_tests(path: Path) -> Iterator[str]:
    """``line: module`` of each import of a test module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        package = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for module in (f"{package}{alias.name}" for alias in node.names):
            if any(part.startswith("test_") for part in module.split(".")):
                yield f"{node.lineno}: {module}"


@pytest.mark.parametrize("folder", sorted(path.name for path in TESTS.iterdir() if path.is_dir()))
def test_nothing_is_imported_from_a_test_module(folder: str) -> None:
    """One that is imported cannot be moved, split or deselected for its own reasons."""
    found = [
        f"{path.relative_to(TESTS)}:{one}"
        for path in sorted((TESTS / folder).rglob("*.py"))
        for one in imports_of_tests(path)
    ]
    assert not found, "move what is shared into a module of its own, or into conftest.py"
