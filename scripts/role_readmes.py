"""Writes roles/*/README.md from the roles' argument specs; `make docs` runs it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Option: TypeAlias = dict[str, Any]
ROLES = Path(__file__).resolve().parents[1] / "roles"


def roles() -> list[Path]:
    return sorted(path.parents[1] for path in ROLES.glob("*/meta/argument_specs.yml"))


def readme(role: Path) -> str:
    """The whole README of the role in this directory."""
    about = yaml.safe_load((role / "meta" / "main.yml").read_text())["galaxy_info"]
    entries = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    parts = [
        f"# adbray.ray.{role.name}\n",
        f"{about['description']}. Written by `make docs` from `meta/argument_specs.yml`.\n",
    ]
    for name, entry in entries.items():
        parts.append(f"## {name}: {entry['short_description']}\n")
        parts += [paragraph(text) for text in texts(entry.get("description", []))]
        parts.append(table(entry.get("options") or {}))
    return "\n".join(parts)


def table(options: dict[str, Option]) -> str:
    lines = ["| option | type | default | meaning |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(cells)} |" for cells in rows(options, "")]
    return "\n".join(lines) + "\n"


def rows(options: dict[str, Option], inside: str) -> Iterator[tuple[str, ...]]:
    """A row for each option, and below it for what is inside it."""
    for name, option in options.items():
        yield f"`{inside}{name}`", kind(option), default(option), meaning(option)
        of_many = "[]" if option["type"] == "list" else ""
        yield from rows(option.get("options", {}), f"{inside}{name}{of_many}.")


def kind(option: Option) -> str:
    return f"list of {option['elements']}" if option["type"] == "list" else option["type"]


def default(option: Option) -> str:
    if option.get("required"):
        return "required"
    return f"`{json.dumps(option['default'])}`" if "default" in option else ""


def meaning(option: Option) -> str:
    text = " ".join(" ".join(part.split()) for part in texts(option["description"]))
    if "choices" in option:
        text += f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}."
    return text.replace("|", "\\|").replace("<", "&lt;")


def texts(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found


def paragraph(text: str) -> str:
    text = " ".join(text.split()).replace("<", "&lt;")
    return textwrap.fill(text, 100, break_on_hyphens=False, break_long_words=False) + "\n"


if __name__ == "__main__":
    for path in roles():
        (path / "README.md").write_text(readme(path))
