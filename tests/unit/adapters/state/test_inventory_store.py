"""Inventories are written beside what others keep, and never over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.adapters.state.inventory_store import InventoryFiles
from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.inventory.site import Inventory


def inventory(*hosts: str) -> Inventory:
    return Inventory(
        groups={"ray": hosts}, all_vars={}, host_vars={host: {"of": host} for host in hosts}
    )


def listed(directory: Path) -> dict[str, str]:
    return {
        str(file.relative_to(directory)): file.read_text()
        for file in directory.rglob("*")
        if file.is_file()
    }


def test_only_its_own_files_go(tmp_path: Path) -> None:
    store = InventoryFiles(tmp_path)
    store.write(inventory("a", "b"), tmp_path)
    for folder in ("group_vars", "host_vars"):
        (tmp_path / folder / "mine.yml").write_text("x: 1\n")
    store.write(inventory("b"), tmp_path)
    found = listed(tmp_path)
    assert "host_vars/a.yml" not in found
    assert found["group_vars/mine.yml"] == found["host_vars/mine.yml"] == "x: 1\n"


@pytest.mark.parametrize("name", ["hosts.yml", "group_vars/all.yml", "host_vars/a.yml"])
def test_a_file_of_others_is_not_replaced(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("x: 1\n")
    with pytest.raises(UsageError, match=f"{name} exists, and adbray did not write it"):
        InventoryFiles(tmp_path).write(inventory("a"), tmp_path)
    assert listed(tmp_path) == {name: "x: 1\n"}
