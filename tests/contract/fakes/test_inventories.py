"""Inventories in memory and in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adbray_ctl.adapters.state.inventory_store import InventoryFiles
from adbray_ctl.core.inventory.site import Inventory
from adbray_ctl.core.protocols.state import InventoryStore
from adbray_ctl.testing.runs import FakeInventories

ONE = Inventory(groups={"adbray_hosts": ("a", "b")}, all_vars={"x": 1}, host_vars={"a": {"y": 2}})


def there(directory: Path) -> bool:
    return (directory / "hosts.yml").exists()


@pytest.fixture(params=["fake", "real"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[InventoryStore, Callable[[Path], bool]]:
    """A store, and whether an inventory is in a directory."""
    if request.param == "real":
        return InventoryFiles(tmp_path / "state"), there
    fake = FakeInventories()
    return fake, fake.written.__contains__


def test_an_inventory_is_where_it_was_written_until_it_is_forgotten(
    store: tuple[InventoryStore, Callable[[Path], bool]], tmp_path: Path
) -> None:
    inventories, has = store
    places = [inventories.path("demo"), inventories.path("other"), tmp_path / "given"]
    assert len(set(places)) == 3
    assert not any(map(has, places))
    for place in places:
        inventories.write(ONE, place)
        inventories.write(ONE, place)
    assert all(map(has, places))
    inventories.forget("demo")
    inventories.forget("nosuch")
    assert [has(place) for place in places] == [False, True, True]
