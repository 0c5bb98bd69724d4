"""Writes inventories as YAML files that plain ansible-playbook reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.inventory.site import Inventory

_HEADER = "# Written by adbray; the next apply or render writes it again.\n"


class InventoryFiles:
    """InventoryStore under ``<state>/inventory/<group>/``."""

    def __init__(self, state: Path) -> None:
        self._base = state / "inventory"

    def path(self, group: str) -> Path:
        return self._base / group

    def write(self, inventory: Inventory, directory: Path) -> None:
        """Raises UsageError, before anything is written, where it would replace another's file."""
        files = {"hosts.yml": _hosts(inventory), "group_vars/all.yml": inventory.all_vars}
        files |= {f"host_vars/{host}.yml": v for host, v in inventory.host_vars.items()}
        targets = {directory / name: value for name, value in files.items()}
        for target in targets:
            if target.exists() and not _ours(target):
                hint = "choose another directory, or move that file away"
                raise UsageError(f"{target} exists, and adbray did not write it", hint=hint)
        for folder in ("group_vars", "host_vars"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
            for file in (directory / folder).glob("*.yml"):
                if file not in targets and _ours(file):
                    file.unlink()
        for target, value in targets.items():
            temporary = target.with_name(f".{target.name}.tmp")
            temporary.write_text(_HEADER + _dump(value))
            temporary.replace(target)

    def forget(self, group: str) -> None:
        shutil.rmtree(self.path(group), ignore_errors=True)


def _ours(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(_HEADER)) == _HEADER.encode()


def _hosts(inventory: Inventory) -> dict[str, Any]:
    children = {
        group: {"hosts": dict.fromkeys(hosts, None)} for group, hosts in inventory.groups.items()
    }
    return {"all": {"children": children}}


class _Dumper(yaml.SafeDumper):
    """Safe YAML without aliases, which people find hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return text
