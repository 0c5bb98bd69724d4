"""Small files, read and written whole."""

from __future__ import annotations

import json
import os
from typing import Any


def read(path: str) -> str:
    """A file's text; nothing where the file is missing or cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def read_json(path: str) -> dict[str, Any] | None:
    """The JSON object in a file; None for what is not there, or was cut short."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write(path: str, text: str, mode: int = 0o644) -> None:
    """The whole file at once: a reader sees the old one or the new one."""
    temporary = path + ".new"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(temporary, mode)
    os.replace(temporary, path)


def names_in(path: str) -> list[str]:
    """The names in a folder; none if it is no folder."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def fields(text: str, separator: str = "=") -> dict[str, str]:
    """Lines of NAME=value, quotes taken off."""
    pairs = (line.split(separator, 1) for line in text.splitlines() if separator in line)
    return {name.strip(): value.strip().strip('"') for name, value in pairs}
