"""A document's plain values: changed at one place, and compared."""

from __future__ import annotations

from collections.abc import Mapping

from adbray_ctl.adapters.specs.places import KeyPath


def with_value(value: object, where: KeyPath, new: int | str) -> object:
    """``value`` with ``new`` at ``where``; a place that is not there stays for find to tell."""
    if not where:
        return new
    part, rest = where[0], where[1:]
    if isinstance(value, dict) and isinstance(part, str):
        return value | {part: with_value(value.get(part, {}), rest, new)}
    if isinstance(value, tuple) and isinstance(part, int) and 0 <= part < len(value):
        return (*value[:part], with_value(value[part], rest, new), *value[part + 1 :])
    return _Unreachable


def with_entry(value: object, where: KeyPath, entry: Mapping[str, object]) -> object:
    """``value`` with ``entry`` at the end of the list at ``where``."""
    if not where and isinstance(value, tuple):
        return (*value, dict(entry))
    part = where[0] if where else None
    if isinstance(value, dict) and part in value:
        return value | {part: with_entry(value[part], where[1:], entry)}
    return _Unreachable


class _Unreachable:
    """Equal to nothing that is read from a file."""


def same(one: object, other: object) -> bool:
    """Equal with the same types and, in mappings, the same order: 1 is not 1.0, nor true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)
