"""The structure holds: short files, pure rooms, and a map of everyday changes that is true."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path

import pytest

from tests.contract.checkout import ROOT, SHIPPED, imported, named, python_files

SHIPPED_LINES = {"file": 250, "class": 150, "function": 30}
OTHER_LINES = {"file": 400, "function": 60}
EVERYDAY = re.compile(r"^## Everyday changes\n(.*?)^## ", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", python_files(), ids=named)
def test_files_classes_and_functions_stay_short(path: Path) -> None:
    text, allowed = path.read_text(), limits(path)
    assert text.count("\n") <= allowed["file"]
    for node in ast.walk(ast.parse(text)):
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= allowed.get(kind, sys.maxsize), f"{node.name}: {length} lines"


def limits(path: Path) -> dict[str, int]:
    """How many lines a file, and a class and a function in it, may have."""
    parts = path.relative_to(ROOT).parts
    shipped = parts[0] in SHIPPED and "molecule" not in parts
    return SHIPPED_LINES if shipped else OTHER_LINES


@pytest.mark.parametrize("path", python_files(), ids=named)
def test_every_module_says_what_it_knows(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), "no module docstring"


def test_core_imports_pydantic_packaging_and_the_standard_library_alone() -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "packaging", "adbray_ctl"}
    for path in sorted((ROOT / "adbray_ctl" / "core").rglob("*.py")):
        foreign = set(imported(path)) - allowed
        assert not foreign, f"{named(path)} imports {sorted(foreign)}"


# --- the map of everyday changes


def everyday_changes() -> list[tuple[str, list[str]]]:
    """Each change of the table in CONTRIBUTING.md, with the paths that it touches."""
    found = EVERYDAY.search((ROOT / "CONTRIBUTING.md").read_text())
    assert found is not None
    rows = [line.split("|")[1:-1] for line in found[1].splitlines() if line.startswith("| ")]
    return [
        (change.strip(), re.findall(r"`(\S*[/.]\S*)`", paths)) for change, paths, *_ in rows[1:]
    ]


def test_the_map_has_ten_everyday_changes() -> None:
    assert len(everyday_changes()) >= 10


@pytest.mark.parametrize("change", everyday_changes(), ids=lambda change: change[0])
def test_everyday_changes_touch_few_rooms_and_these_exist(change: tuple[str, list[str]]) -> None:
    _, paths = change
    assert paths
    for path in paths:
        assert any(ROOT.glob(path.replace("NAME", "*").rstrip("/"))), path
    assert len({room(path) for path in paths}) <= 5


def room(path: str) -> str:
    """The folder that a newcomer looks for: below our packages one deeper than elsewhere."""
    parts = Path(path).parts
    depth = {"adbray_ctl": 3, "adbray_host": 1, "roles": 2, "tests": 2}.get(parts[0], 1)
    return "/".join(parts[: min(depth, max(1, len(parts) - 1))])


# --- its figures


def test_figures_count_what_they_say(tmp_path: Path) -> None:
    core = tmp_path / "adbray_ctl" / "core"
    (core / "plan").mkdir(parents=True)
    (core / "slot.py").write_text("import re\n")
    (core / "spec.py").write_text("from adbray_ctl.core import slot\n")
    (core / "plan" / "plan.py").write_text("from adbray_ctl.core.spec import a\nimport re\n")
    (core / "lease.py").write_text('SCRIPT = """\nimport os\nos.abort()\n\n"""\n')
    template = tmp_path / "roles" / "head" / "templates" / "start.py.j2"
    template.parent.mkdir(parents=True)
    template.write_text("import os\n")
    figures = runpy.run_path(str(ROOT / "scripts" / "figures.py"))["figures"](tmp_path)
    expected = {"rooms (folders and files at its top)": "3", "floors": "3"}
    expected |= {"arrows between rooms": "2"}
    assert {f"core: {name}": value for name, value in expected.items()}.items() <= figures.items()
    assert figures["shipped Python, lines"] == "9"
    assert figures["Python programs in strings"] == "1"
    assert figures["Python programs in Jinja"] == "1"
    assert figures["files.yml.j2"] == "0"
