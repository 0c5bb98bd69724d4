"""Render: write a group's inventory for plain ansible-playbook."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl.services.plan import Prepared, inventory_of, prepare
from adbray_ctl.services.secrets import ensure_secrets
from adbray_ctl.services.tools import Tools
from adbray_ctl.services.web import ensure_web


def render(tools: Tools, group: str, directory: Path) -> Prepared:
    """Write hosts.yml, group_vars and host_vars to ``directory``; no host is changed."""
    prepared = prepare(tools, group)
    ensure_secrets(tools, prepared)
    ensure_web(tools, prepared)
    tools.inventories.write(inventory_of(tools, prepared), directory)
    return prepared
