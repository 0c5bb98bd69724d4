"""Spec cases as files: one small YAML a behaviour, named after it.

A case has ``fleet`` (text of fleet.yml), ``group`` (text of groups/demo.yml) and, if it is bad,
``expect``: pieces of the messages, each of which must appear.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class SpecCase:
    """One case; ``str`` of it is its name, for test ids."""

    name: str
    fleet: str
    group: str
    expect: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def write(self, directory: Path) -> None:
        """Make the project of this case in ``directory``."""
        (directory / "groups").mkdir()
        (directory / "fleet.yml").write_text(self.fleet, encoding="utf-8")
        (directory / "groups" / "demo.yml").write_text(self.group, encoding="utf-8")


def spec_cases(folder: str) -> list[SpecCase]:
    """The cases in ``bad_specs`` or ``good_specs``, by name."""
    return [_read(path) for path in sorted((_HERE / folder).glob("*.yml"))]


def _read(path: Path) -> SpecCase:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    expect = tuple(case.get("expect", ()))
    return SpecCase(path.stem, fleet=case["fleet"], group=case["group"], expect=expect)
