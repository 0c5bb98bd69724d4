"""The JSON Schemas of the spec files, for editors and for the reference."""

from __future__ import annotations

from typing import Any, Literal

from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec


def json_schema(kind: Literal["fleet", "group"]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``fleet.yml`` or of ``groups/*.yml``."""
    model = Fleet if kind == "fleet" else RayClusterSpec
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(mode="validation"),
    }
