"""Writes docs/spec.md from the spec models' JSON Schema; `make docs` runs it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from adbray_ctl.core.spec.group import json_schema
from adbray_ctl.core.spec.sizes import BUILTIN

Schema: TypeAlias = dict[str, Any]
TARGET = Path(__file__).resolve().parents[1] / "docs" / "spec.md"

HEAD = """\
# Spec files

Written by `make docs` from the models in `adbray_ctl/core/spec`.

A project is a directory with `fleet.yml`, which names the machines, and `groups/NAME.yml`, one for
each Ray cluster. `adbray init` writes first ones, `adbray validate` checks them without touching a
host, and every fault is told with file, line, the value found and what is allowed. Unknown keys are
faults. Values keep their YAML type: `python: 3.11` is a number and is refused, `"3.11"` is right.

Editors complete and check the files by the line that `init` writes on top of each:
`# yaml-language-server: $schema=...`. `adbray schema fleet` and `adbray schema group` print the
schemas. Complete examples: [examples/](../examples/).

The last column says what a change of the key does to what runs; `adbray plan` shows it for each
node before anything happens. Restarted workers lose their tasks, actors and objects; they are
drained first, `max_unavailable` at a time. Numbers of workers alone restart nothing.

Names (of groups, worker groups and hosts) are lower-case letters, digits and inner dashes, begin
with a letter and have at most 32 characters.
"""


def reference() -> str:
    """The whole document."""
    parts = [HEAD]
    for kind, title in (("fleet", "fleet.yml"), ("group", "groups/NAME.yml")):
        schema = json_schema("fleet" if kind == "fleet" else "group")
        parts.append(f"## {title}\n\n{prose(schema)}\n")
        parts.append(table(schema, schema["$defs"]))
        for name in reachable(schema, schema["$defs"]):
            definition = schema["$defs"][name]
            if "properties" in definition:
                parts.append(f"### {name}\n\n{prose(definition)}\n")
                parts.append(table(definition, schema["$defs"]))
    parts.append(catalogue())
    return "\n".join(parts)


def reachable(schema: Schema, definitions: dict[str, Schema]) -> list[str]:
    """The definitions in the order in which a reader meets them."""
    found: list[str] = []
    waiting = references(schema.get("properties", {}))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting += references(definitions[name].get("properties", {}))
    return found


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else []
        return own + [name for value in node.values() for name in references(value)]
    if isinstance(node, list):
        return [name for value in node for name in references(value)]
    return []


def table(schema: Schema, definitions: dict[str, Schema]) -> str:
    """A definition's keys as a table."""
    lines = ["| key | value | default | meaning | a change of it |", "|---|---|---|---|---|"]
    required = schema.get("required", [])
    for key, field in schema["properties"].items():
        default = "**required**" if key in required else default_of(field)
        meaning, impact = flat(field["description"]), field.get("x-impact", "")
        cells = (f"`{key}`", kind_of(field, definitions), default, meaning, impact)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def default_of(field: Schema) -> str:
    default = field.get("default")
    if default is None or default in ({}, [], ()) or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default)}`"


def kind_of(field: Schema, definitions: dict[str, Schema]) -> str:
    """What may stand there, in a few words."""
    if "anyOf" in field:
        kinds = [kind_of(one, definitions) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(kinds)
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        definition = definitions[name]
        if "properties" in definition:
            return f"[{name}](#{name.lower()})"
        return kind_of(definition, definitions)
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {kind_of(field['items'], definitions)}"
    if field["type"] == "object":
        return mapping_of(field, definitions)
    return {"string": "text", "boolean": "true or false"}.get(field["type"]) or number(field)


def mapping_of(field: Schema, definitions: dict[str, Schema]) -> str:
    values = field.get("additionalProperties") or next(
        iter(field.get("patternProperties", {}).values()), {"type": "string"}
    )
    return f"mapping to {kind_of(values, definitions)}"


def number(field: Schema) -> str:
    word = "integer" if field["type"] == "integer" else "number"
    low, high = field.get("minimum"), field.get("maximum")
    if low is None:
        return word
    return f"{word}, {low:.15g} or more" if high is None else f"{word}, {low:.15g} to {high:.15g}"


def prose(schema: Schema) -> str:
    """A definition's description as a paragraph."""
    return textwrap.fill(flat(schema["description"]), 100, break_on_hyphens=False)


def flat(text: str) -> str:
    """One line, safe inside a table cell."""
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def catalogue() -> str:
    """The built-in sizes."""
    return "\n".join(["## Sizes", "", *rows()]) + "\n"


def rows() -> Iterator[str]:
    yield "Built in; `sizes` in fleet.yml adds others."
    yield ""
    yield "| size | cores | memory, GiB |"
    yield "|---|---|---|"
    for name, size in BUILTIN.items():
        yield f"| `{name}` | {size.cpus:g} | {size.memory_gb:g} |"


if __name__ == "__main__":
    TARGET.write_text(reference())
