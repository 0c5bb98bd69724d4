"""What pydantic refuses of a spec, as faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from adbray_ctl.core.spec.faults import Fault, Path
from adbray_ctl.core.spec.strings import ALLOWED, Unfit
from adbray_ctl.core.text import did_you_mean, show


def faults_of(error: ValidationError, model: type[BaseModel]) -> tuple[Fault, ...]:
    """The faults that pydantic found while it validated a document against ``model``."""
    found = error.errors(include_url=False)
    return tuple(
        _translate(details, model) for details in found if not _is_a_sequel(details, found)
    )


def _is_a_sequel(details: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """Whether it is there because of another fault."""
    if details["type"] == "too_short":
        # An entry that is faulty does not count.
        loc = details["loc"]
        return any(other["loc"][: len(loc)] == loc for other in found if other is not details)
    return details["type"] == "default_factory_not_called"


def _translate(details: ErrorDetails, model: type[BaseModel]) -> Fault:
    path: Path = details["loc"]
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    of_key = bool(path) and path[-1] == "[key]"
    path = path[:-1] if of_key else path
    if kind == "missing":
        return _missing(path, model)
    if kind == "extra_forbidden":
        return _unknown(path, model)
    cause = context.get("error")
    if isinstance(cause, Unfit):
        return Fault(path, cause.what, cause.allowed, of_key=of_key)
    if kind in {"enum", "literal_error"}:
        return _not_a_choice(path, value, _field_at(model, path))
    if kind == "string_pattern_mismatch":
        what = f"{show(value)} does not fit"
        return Fault(path, what, ALLOWED.get(context["pattern"]), of_key=of_key)
    if kind in _EXPECTED:
        field = _field_at(model, path)
        return _wrong_type(path, value, _EXPECTED[kind], _range_text(field), _pattern(field))
    if kind in _BOUNDS:
        what = _BOUNDS[kind](value)
        return Fault(path, what, _range_text(_field_at(model, path)) or details["msg"])
    if kind == "string_too_long":
        allowed = f"at most {context['max_length']} characters"
        return Fault(path, f"{show(value)} is too long", allowed, of_key=of_key)
    if kind == "too_short":
        return Fault(path, "the list is empty", f"at least {context['min_length']} entry")
    return Fault(path, f"{show(value)} is not valid: {details['msg']}", of_key=of_key)


_EXPECTED = {
    "string_type": "text",
    "string_unicode": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "dict_type": "a mapping (key: value)",
    "tuple_type": "a list",
}

_BOUNDS: dict[str, Callable[[object], str]] = {
    "greater_than_equal": lambda value: f"{show(value)} is too small",
    "less_than_equal": lambda value: f"{show(value)} is too large",
    "finite_number": lambda value: f"{show(value)} is not a finite number",
}


def _missing(path: Path, model: type[BaseModel]) -> Fault:
    from adbray_ctl.core.spec.descriptions import descriptions

    owner = _model_at(model, path[:-1])
    meaning = descriptions(owner).get(str(path[-1]), "").rstrip(".") if owner else ""
    return Fault(path, f"key {path[-1]!r} is missing", meaning or None, of_key=True)


def _unknown(path: Path, model: type[BaseModel]) -> Fault:
    key = str(path[-1])
    owner = _model_at(model, path[:-1])
    known = tuple(owner.model_fields) if owner else ()
    hint = did_you_mean(key, known)
    allowed = None if hint else ", ".join(known)
    return Fault(path, f"unknown key {show(key)}", allowed, hint, of_key=True)


def _not_a_choice(path: Path, value: object, field: FieldInfo | None) -> Fault:
    choices = tuple(_choices(field.annotation)) if field else ()
    if isinstance(value, str):
        hint = did_you_mean(value, choices)
        return Fault(path, f"{show(value)} is unknown", ", ".join(choices), hint)
    quoted = ", ".join(f'"{choice}"' for choice in choices)
    pattern = "|".join(re.escape(choice) for choice in choices)
    return replace(_wrong_type(path, value, "text", None, pattern), allowed=quoted)


_UNQUOTED = {
    "a whole number": r"-?[0-9]+",
    "a number": r"-?[0-9]+(\.[0-9]+)?",
    "true or false": "true|false",
}


def _wrong_type(
    path: Path, value: object, expected: str, allowed: str | None, pattern: str | None
) -> Fault:
    """``pattern`` is what text must fit, if there is a rule: other text is not proposed."""
    allowed = f"{expected}, {allowed}" if allowed else expected
    if value is None:
        return Fault(path, "the value is missing", allowed)
    hint = None
    if expected == "text" and isinstance(value, bool | int | float):
        plain = str(value).lower() if isinstance(value, bool) else repr(value)
        if pattern is None or re.fullmatch(pattern, plain):
            hint = f'write it in quotes: "{plain}"'
        else:
            allowed = ALLOWED.get(pattern, allowed)
    elif isinstance(value, str) and re.fullmatch(_UNQUOTED.get(expected, "(?!)"), value):
        hint = "write it without quotes"
    return Fault(path, f"{_shape(value)} where {expected} belongs", allowed, hint)


def _shape(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, tuple | list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return show(value)


def _range_text(field: FieldInfo | None) -> str | None:
    """``30 to 2000`` from a field's bounds, or None when it has none."""
    if field is None:
        return None
    low = high = None
    for mark in _metadata(field):
        low = getattr(mark, "ge", low)
        high = getattr(mark, "le", high)
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" if max(low, high) < 100_000 else f"{low} to {high}"
    return f"{low} or more" if low is not None else None


def _pattern(field: FieldInfo | None) -> str | None:
    """What the text of a field must fit, or None when it has no such rule."""
    marks = _metadata(field) if field else ()
    return next((mark.pattern for mark in marks if getattr(mark, "pattern", None)), None)


def _metadata(field: FieldInfo) -> Iterator[Any]:
    yield from field.metadata
    for arg in get_args(field.annotation):
        for extra in getattr(arg, "__metadata__", ()):
            yield from getattr(extra, "metadata", ())


def _choices(annotation: Any) -> Iterator[str]:
    members = getattr(annotation, "__members__", None)
    if members is not None:
        yield from (str(member.value) for member in members.values())
    else:
        yield from (arg for arg in get_args(annotation) if isinstance(arg, str))


def _field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """The field that holds ``path``'s last key; None inside free mappings and lists."""
    if not path or not isinstance(path[-1], str):
        return None
    owner = _model_at(model, path[:-1])
    return owner.model_fields.get(path[-1]) if owner else None


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that describes the mapping at ``path``."""
    current: type[BaseModel] | None = model
    free_key = False
    for part in path:
        if isinstance(part, int):
            continue
        if free_key:
            free_key = False
            continue
        field = current.model_fields.get(part) if current else None
        if field is None:
            return None
        free_key = get_origin(field.annotation) is dict
        current = _inner_model(field.annotation)
    return None if free_key else current


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_inner_model(arg) for arg in get_args(annotation))
    return next((model for model in found if model), None)
