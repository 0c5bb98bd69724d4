"""Prints how large and how entangled a checkout is: `python scripts/figures.py [CHECKOUT]`.

docs/figures.md has what it printed before and after the work on the structure.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

SHIPPED = ("adbray_ctl", "adbray_host", "playbooks", "plugins", "roles")
# Each place that sorts hosts that do not answer from those that do is a separate way to ask.
WAY_TO_ASK = re.compile(r"^ *except HostKeyError:\n *raise$", re.MULTILINE)
UNIT_FIELDS = re.compile(r"""\bdict\(\s*\w+\.(split|partition)\("=".*for""")
SHELL_IN_UNIT = re.compile(r"\bsh -c\b")


class Sized(NamedTuple):
    """A file, class or function, by its length."""

    lines: int
    name: str

    def __str__(self) -> str:
        return f"{self.lines} ({self.name})"


class Source(NamedTuple):
    """One Python file of a checkout; ``name`` is its path there."""

    name: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return parsed(self.text)


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


def figures(root: Path) -> dict[str, str]:
    """Each figure's title, and the figure."""
    shipped = list(sources(root))
    arrows = arrows_of_core(root)
    rooms = {room for arrow in arrows for room in arrow}
    roles = list((root / "roles").rglob("templates/**/*.j2"))
    return {
        "core: rooms (folders and files at its top)": str(len(rooms)),
        "core: floors": str(max(floors(arrows).values())),
        "core: arrows between rooms": str(len(arrows)),
        "shipped Python, lines": str(sum(one.text.count("\n") for one in shipped)),
        "largest file": largest(Sized(one.text.count("\n"), one.name) for one in shipped),
        "largest class": largest(sizes(shipped, ast.ClassDef)),
        "largest function": largest(sizes(shipped, ast.FunctionDef, ast.AsyncFunctionDef)),
        "ways to ask a host": str(sum(len(WAY_TO_ASK.findall(one.text)) for one in shipped)),
        "parsers of `systemctl show`": str(sum(map(parses_units, shipped))),
        "Python programs in strings": str(sum(programs_in(one.tree) for one in shipped)),
        "Python programs in Jinja": str(sum(path.name.endswith(".py.j2") for path in roles)),
        "shell programs in units": str(
            sum(len(SHELL_IN_UNIT.findall(path.read_text())) for path in roles)
        ),
        "files.yml.j2": str(sum(path.name == "files.yml.j2" for path in roles)),
    }


def sources(root: Path) -> Iterator[Source]:
    """What is shipped to run: no scenarios of Molecule, no fakes, no jobs that a user may edit."""
    for folder in SHIPPED:
        for path in sorted((root / folder).rglob("*.py")):
            name = path.relative_to(root)
            if not {"molecule", "templates", "testing", "tests"} & set(name.parts):
                yield Source(str(name), path.read_text(encoding="utf-8"))


def arrows_of_core(root: Path) -> set[tuple[str, str]]:
    """Which room imports from which."""
    core = root / "adbray_ctl" / "core"
    found = set()
    for path in core.rglob("*.py"):
        room = path.relative_to(core).parts[0].removesuffix(".py")
        for module in imported(parsed(path.read_text(encoding="utf-8"))):
            if module[:2] == ["adbray_ctl", "core"] and len(module) > 2 and module[2] != room:
                found.add((room, module[2]))
    return found


def imported(tree: ast.Module) -> Iterator[list[str]]:
    """Every imported name, in parts: of ``from a.b import c``, a, b and c."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ([*str(node.module).split("."), alias.name] for alias in node.names)


def floors(arrows: set[tuple[str, str]]) -> dict[str, int]:
    """The floor of each room: one above the highest that it imports from."""
    below = {
        room: {to for start, to in arrows if start == room} for arrow in arrows for room in arrow
    }

    @cache
    def floor(room: str) -> int:
        return 1 + max((floor(other) for other in below[room]), default=0)

    return {room: floor(room) for room in below}


def largest(found: Iterable[Sized]) -> str:
    return str(max(found, default="none"))


def sizes(shipped: Iterable[Source], *kinds: type[ast.AST]) -> Iterator[Sized]:
    for one in shipped:
        for node in ast.walk(one.tree):
            if isinstance(node, kinds):
                assert isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                assert node.end_lineno is not None
                yield Sized(node.end_lineno - node.lineno + 1, f"{node.name}, {one.name}")


def parses_units(one: Source) -> bool:
    return "systemctl" in one.text and UNIT_FIELDS.search(one.text) is not None


def programs_in(tree: ast.Module) -> int:
    """How many strings are Python of several lines that imports something."""
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return sum(isinstance(text, str) and is_program(text) for text in strings)


def is_program(text: str) -> bool:
    if text.count("\n") < 3 or not re.search(r"^(import|from) \w", text, re.MULTILINE):
        return False
    try:
        return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(text).body)
    except SyntaxError:
        return False


if __name__ == "__main__":
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])
    for title, figure in figures(checkout).items():
        print(f"{title:45} {figure}")  # noqa: T201 - it is what the script is for
