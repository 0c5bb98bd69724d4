"""A file with Ray's runtime environment of a job."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from adbray_ctl.adapters.specs.faults import error_at, summary
from adbray_ctl.adapters.specs.file import read_spec
from adbray_ctl.adapters.specs.source import Broken, parse

_MAPPING = TypeAdapter(dict[str, JsonValue])


def read_runtime_env(path: Path) -> dict[str, JsonValue]:
    """What the YAML file holds. Raises SpecError with file and line."""
    try:
        document = parse(read_spec(path))
    except Broken as broken:
        raise summary([error_at(path, broken.line, broken.what)]) from broken
    try:
        return _MAPPING.validate_python(_lists(document.value))
    except ValidationError as error:
        what = "the file holds no mapping (key: value), as Ray's runtime environments are"
        raise summary([error_at(path, document.line(()), what)]) from error


def _lists(value: object) -> object:
    """JSON has lists where documents have tuples."""
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, tuple) else value
