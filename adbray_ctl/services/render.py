"""Render: write a group's inventory for plain ansible-playbook."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl.services.plan import Prepared, inventory_of, prepare
from adbray_ctl.services.secrets import ensure_all
from adbray_ctl.services.tools import Tools


def render(tools: Tools, group: str, directory: Path) -> Prepared:
    """Write hosts.yml, group_vars and host_vars to ``directory``; no host is changed."""
    prepared = prepare(tools, group)
    ensure_all(tools, prepared)
    tools.inventories.write(inventory_of(tools, prepared), directory)
    return prepared
