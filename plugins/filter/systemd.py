"""Ansible filters: names as systemd spells them."""

from __future__ import annotations

from collections.abc import Callable

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")


class FilterModule:
    def filters(self) -> dict[str, Callable[[str], str]]:
        return {"systemd_escape": escape, "systemd_quote": quote}


def escape(path: str) -> str:
    """As ``systemd-escape --path``; in a unit's name a dash would nest a slice, or be a slash."""
    if not (parts := [part for part in path.split("/") if part]):
        return "-"
    plain = "-".join("".join(map(_escaped, part)) for part in parts)
    return "\\x2e" + plain[1:] if plain.startswith(".") else plain


def quote(name: str) -> str:
    """For a setting that systemd unquotes, such as a path or a command."""
    return name.replace("\\", "\\\\")


def _escaped(character: str) -> str:
    if character in PLAIN:
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode())
