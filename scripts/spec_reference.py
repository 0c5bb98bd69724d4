"""Writes docs/spec.md from the spec models' JSON Schema; `make docs` runs it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adbray_ctl.core.spec.group import json_schema
from adbray_ctl.core.spec.sizes import BUILTIN

Schema: TypeAlias = dict[str, Any]
TARGET = Path(__file__).resolve().parents[1] / "docs" / "spec.md"


def reference() -> str:
    """The whole document."""
    template = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML
    ).get_template("spec.md.j2")
    fleet, group = json_schema("fleet"), json_schema("group")
    files = [("fleet.yml", parts(fleet)), ("groups/NAME.yml", parts(group))]
    definitions = fleet["$defs"] | group["$defs"]
    return template.render(
        files=files,
        rows=lambda schema: rows(schema, definitions),
        prose=prose,
        sizes=BUILTIN.items(),
    )


def parts(schema: Schema) -> list[tuple[str, Schema]]:
    """The file's own mapping, without a name, and those within it."""
    definitions = schema["$defs"]
    found = [(name, definitions[name]) for name in reachable(schema, definitions)]
    return [("", schema), *(one for one in found if "properties" in one[1])]


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


def rows(schema: Schema, definitions: dict[str, Schema]) -> Iterator[tuple[str, ...]]:
    """Of each of a definition's keys: what the table says of it."""
    required = schema.get("required", [])
    for key, field in schema["properties"].items():
        default = "**required**" if key in required else default_of(field)
        meaning, impact = flat(field["description"]), field.get("x-impact", "")
        yield f"`{key}`", kind_of(field, definitions), default, meaning, impact


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


if __name__ == "__main__":
    TARGET.write_text(reference())
