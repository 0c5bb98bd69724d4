"""Ansible filters: names as systemd spells them."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.adbray.ray.plugins.module_utils.adbray_host.systemd import escape


class FilterModule:
    def filters(self) -> dict[str, Callable[[str], str]]:
        return {"systemd_escape": escape, "systemd_quote": quote}


def quote(name: str) -> str:
    """For a setting that systemd unquotes, such as a path or a command."""
    return name.replace("\\", "\\\\")
