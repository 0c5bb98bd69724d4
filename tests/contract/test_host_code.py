"""What runs on hosts has one room, and each concept of it one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("adbray_ctl", "adbray_host", "playbooks", "roles", "plugins")
# A program that is shorter says no more than a shell's line.
LINES = 5


def shipped(*suffixes: str) -> list[Path]:
    found = (path for folder in SHIPPED for path in (ROOT / folder).rglob("*"))
    return sorted(
        path
        for path in found
        if path.suffix in suffixes and "molecule" not in path.parts and not path.is_symlink()
    )


def places(pattern: str, *suffixes: str) -> set[str]:
    found = re.compile(pattern)
    paths = (path for path in shipped(*suffixes) if found.search(path.read_text()))
    return {path.relative_to(ROOT).as_posix() for path in paths}


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Every string of a file that is no docstring."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def is_program(text: str) -> bool:
    """Whether it is Python of more than a few lines; plain words parse too, but do nothing."""
    if len([line for line in text.splitlines() if line.strip()]) <= LINES:
        return False
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    acts = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Call)
    return any(isinstance(node, acts) for node in ast.walk(tree))


@pytest.mark.parametrize("path", shipped(".py"), ids=lambda path: path.name)
def test_no_program_is_a_string(path: Path) -> None:
    found = [f"{path.name}:{line}" for line, text in strings(path) if is_program(text)]
    assert not found


def test_the_search_for_programs_finds_one() -> None:
    assert is_program(
        "import os\nfor name in os.listdir():\n    if name:\n        print(name)\n\nx = 1\ny = 2\n"
    )
    assert not is_program("[Unit]\nDescription=Disk\n\n[Mount]\nWhat=x\nWhere=y\nType=ext4\n")


def test_no_program_is_a_template() -> None:
    assert places(r"(?m)^#!.*python|^import \w+$", ".j2") == set()


def test_systemctl_show_is_parsed_in_one_place() -> None:
    assert places(r'"show", *f?"--property|systemctl show.*--property', ".py", ".j2", ".yml") == {
        "adbray_host/systemd.py"
    }


def test_the_mount_table_is_read_in_one_place_of_a_host() -> None:
    # The lab reads those of this machine and of its own processes.
    found = {name for name in places("self/mountinfo", ".py", ".j2") if "/lab/" not in name}
    assert found == {"adbray_host/mounts.py"}


def test_hosts_are_asked_in_one_way() -> None:
    """Who logs in, sends the package, has threads for hosts, and turns errors into answers."""
    ssh = "adbray_ctl/adapters/ssh"
    assert places(r"\bpython_words\(", ".py") == {f"{ssh}/ask.py", f"{ssh}/marks.py"}
    assert places(r"\bsession\(self\._known_hosts", ".py") == {f"{ssh}/ask.py"}
    assert places(r"\bThreadPoolExecutor\(max_workers", ".py") & {
        path.relative_to(ROOT).as_posix() for path in (ROOT / ssh).glob("*.py")
    } == {f"{ssh}/threads.py"}
    # The loads of hosts come again and again, which no single answer does.
    caught = {name for name in places(r"except HostKeyError", ".py") if name.startswith(ssh)}
    assert caught == {f"{ssh}/ask.py", f"{ssh}/loads.py", f"{ssh}/login.py"}
