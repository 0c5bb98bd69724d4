"""What a host's files say of its slots: real files in other folders than a host's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adbray_host import layout, records

WORKER = {"group": "g", "slot": "w-0", "kind": "worker", "unit": "adbray-worker@g.w-0.service"}


@pytest.fixture(autouse=True)
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(layout, "ETC", str(tmp_path))
    (tmp_path / "g").mkdir()
    return tmp_path / "g"


def put(folder: Path, name: str, **fields: str) -> Path:
    path = folder / name
    path.write_text(json.dumps({**WORKER, **fields}))
    return path


def test_records_of_a_group_or_of_all(etc: Path) -> None:
    put(etc, "w-0.json")
    put(etc, "head.json", slot="standby-1", kind="head")
    (etc.parent / "h").mkdir()
    put(etc.parent / "h", "redis.json", group="h", slot="redis-2", kind="redis")
    assert [record["slot"] for record in records.of("g")] == ["standby-1", "w-0"]
    assert [record["slot"] for record in records.of()] == ["standby-1", "w-0", "redis-2"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"w-0"', "\x00" * 64])
def test_a_record_that_cannot_be_read_is_no_missing_one(etc: Path, text: str) -> None:
    path = etc / "w-0.json"
    path.write_text(text)
    with pytest.raises(records.BadRecord):
        records.read(str(path))
    assert list(records.of()) == []


def test_a_copy_of_a_record_is_none(etc: Path) -> None:
    assert records.read(str(put(etc, "w-1.json"))) is None
    put(etc, "keeper.json")
    put(etc, "w-0.json.bak")
    assert list(records.of()) == []


def test_names_of_a_slot() -> None:
    head = {**WORKER, "kind": "head", "slot": "standby-1"}
    assert layout.disk_of(WORKER) == "/var/lib/adbray/g/w-0"
    assert layout.disk_of(head) == "/var/lib/adbray/g/head"
    apart = {**WORKER, "disk_gb": 1, "disk": {"spill": True}}
    assert layout.disks_of(apart) == [layout.disk_of(apart), layout.disk_of(apart) + "/spill"]
    assert layout.disks_of(WORKER) == []
    assert layout.unit_of("worker", "g", "w-0") == WORKER["unit"]
    assert layout.unit_of("head", "g", "head") == "adbray-head@g.service"
