"""Plain values as YAML in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

from adbray_ctl.adapters.specs.source import parse

# A word that is plain text in every place of a document; all else goes into quotes.
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*")


def scalar(value: int | str, style: str | None) -> str:
    """``value`` as YAML text in one line, in the quotes that the old value had if it is text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style is None and _is_plain(value):
        return value
    return '"' + "".join(_escape(character) for character in value) + '"'


def flow(value: object, style: str | None) -> str:
    """Any plain value in one line; keys and text in quotes of ``style``, if it has any."""
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{scalar(k, style)}: {flow(v, style)}" for k, v in value.items()) + "}"
        )
    if isinstance(value, tuple):
        return "[" + ", ".join(flow(item, style) for item in value) + "]"
    if isinstance(value, int | str):
        return scalar(value, style)
    return "null" if value is None else repr(value)


def _is_plain(text: str) -> bool:
    """Whether ``text`` without quotes is text to us, and to readers of YAML 1.1 (yes, 12:30)."""
    if not _WORD.fullmatch(text):
        return False
    # The node alone: making the value fails where it only looks like a date or a number.
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    is_text = node is not None and node.tag == "tag:yaml.org,2002:str"
    return is_text and parse(text.encode()).value == text


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"
