"""What is wrong with a dashboard by the types that Grafana publishes, see grafana/README.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, ValidationError

NEWEST, OLDEST = "13.2.3", "10.4.19"
_FOLDER = Path(__file__).parent / "grafana"


@cache
def _schemas(version: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((_FOLDER / f"{version}.json").read_text())[
        "schemas"
    ]
    return found


def faults(board: dict[str, Any], version: str = NEWEST) -> set[str]:
    """Each as `WHERE: WHAT`, where numbers in lists do not count: many panels have the same."""
    found = set(_wrong(version, "dashboard", "Dashboard", _without(board, "panels")))
    for panel in board["panels"]:
        for one in (panel, *panel.get("panels", ())):
            found.update(_wrong_of_panel(version, one))
    return found


def _wrong_of_panel(version: str, panel: dict[str, Any]) -> Iterator[str]:
    kind = panel["type"]
    if kind == "row":
        yield from _wrong(version, "row", "RowPanel", panel | {"panels": []})
        return
    yield from _wrong(version, kind, "Panel", panel)
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    parts = {"options": panel.get("options"), "custom": defaults.get("custom")}
    for name, part in parts.items():
        schema = _schemas(version).get(f"{kind}.{name}")
        if part is not None and schema is not None:
            yield from _told(f"{kind}.{name}", schema, part)
    for query in panel.get("targets", ()):
        # Grafana 13 has this type in a package of another licence.
        yield from _told("query", _schemas(OLDEST)["query"], query)


def _wrong(version: str, where: str, definition: str, part: dict[str, Any]) -> Iterator[str]:
    schema = _schemas(version)["dashboard"]
    yield from _told(where, schema | {"$ref": f"#/definitions/{definition}"}, part)


def _told(where: str, schema: dict[str, Any], part: dict[str, Any]) -> Iterator[str]:
    for error in Draft7Validator(schema).iter_errors(part):
        path = ".".join([where, *(name for name in error.path if isinstance(name, str))])
        for what in _words(error):
            yield f"{path}: {what}"


def _words(error: ValidationError) -> list[str]:
    if error.validator != "additionalProperties":
        return [error.message]
    return [f"unknown: {key}" for key in error.instance if key not in error.schema["properties"]]


def _without(found: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != key}
