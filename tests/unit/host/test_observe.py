"""What of slots and units cannot be seen on a host: real files, a stand-in for systemctl."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from adbray_host import layout, systemd
from adbray_host.observe import slots, units

GOOD = {"group": "g", "slot": "w-0", "kind": "worker"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ETC", "UNITS", "STARTED"):
        monkeypatch.setattr(layout, name, str(tmp_path))


def record(folder: Path, name: str, text: str) -> Path:
    path = folder / "g" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ["", "{", json.dumps(GOOD)[:20], "[]", "{}", '"w-0"', "\x00" * 64])
def test_a_record_that_cannot_be_read_is_not_a_slot_that_is_gone(tmp_path: Path, text: str) -> None:
    path = record(tmp_path, "w-0.json", text)
    unseen: list[dict[str, str]] = []
    assert slots.recorded(unseen) == []
    (found,) = unseen
    assert (found["what"], found["group"]) == (str(path), "g")
    assert f"systemctl stop adbray-worker@g.w-0; rm {path}" in found["hint"]


def test_a_record_in_another_encoding_is_reported(tmp_path: Path) -> None:
    record(tmp_path, "w-0.json", "").write_bytes(b'{"group": "\xff"}')
    unseen: list[dict[str, str]] = []
    assert slots.recorded(unseen) == []
    assert len(unseen) == 1


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("w-0.json", GOOD),
        ("head.json", {**GOOD, "slot": "standby-1", "kind": "head"}),
        ("redis.json", {**GOOD, "slot": "redis-2", "kind": "redis"}),
    ],
)
def test_a_record_is_a_slot(tmp_path: Path, name: str, fields: dict[str, str]) -> None:
    record(tmp_path, name, json.dumps(fields))
    unseen: list[dict[str, str]] = []
    assert [one["record"] for one in slots.recorded(unseen)] == [fields]
    assert unseen == []


def test_other_files_and_copies_of_records_are_no_slots(tmp_path: Path) -> None:
    for name in ("autoscaling.json", "keeper.json", "w-0.json.bak"):
        record(tmp_path, name, "{")
    copy = tmp_path / "g.bak" / "w-0.json"
    copy.parent.mkdir()
    copy.write_text(json.dumps(GOOD))
    unseen: list[dict[str, str]] = []
    assert slots.recorded(unseen) == []
    assert unseen == []


@pytest.mark.parametrize("body", ["exit 1", "exec sleep 30", "kill -9 $$"])
def test_a_systemd_that_does_not_answer_is_not_one_without_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    (tmp_path / "adbray-worker@g.w-0.service").write_text("")
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\n{body}\n")
    systemctl.chmod(0o755)
    monkeypatch.setattr(systemd, "SYSTEMCTL", str(systemctl))
    monkeypatch.setattr(units, "_WITHIN_S", 1)
    unseen: list[dict[str, str]] = []
    assert units.units(unseen) == []
    assert [one["what"] for one in unseen] == ["systemctl show"]


def test_a_unit_that_runs_without_its_record_is_reported(tmp_path: Path) -> None:
    running = [
        {"unit": "adbray-worker@g.w-0.service", "active": "active"},
        {"unit": "adbray-worker@g.w-1.service", "active": "inactive"},
        {"unit": "adbray-redis@g.service", "active": "active"},
        {"unit": "adbray-usage.service", "active": "active"},
    ]
    record(tmp_path, "redis.json", json.dumps({**GOOD, "slot": "redis-2", "kind": "redis"}))
    (found,) = unseen_of(running)
    assert found["what"] == "adbray-worker@g.w-0.service"
    assert "w-0.json is not there" in found["why"]


def test_a_unit_that_runs_with_the_record_of_another_slot_is_reported(tmp_path: Path) -> None:
    running = [
        {"unit": f"adbray-{name}.service", "active": "active"}
        for name in ("worker@g.w-0", "worker@g.w-1", "head@g")
    ]
    for name in ("w-0.json", "w-1.json", "head.json"):
        record(tmp_path, name, json.dumps(GOOD))
    found = unseen_of(running)
    assert [one["what"] for one in found] == [one["unit"] for one in running[1:]]
    assert "w-1.json is the record of another slot" in found[0]["why"]


def test_a_unit_whose_record_cannot_be_read_is_reported_once(tmp_path: Path) -> None:
    path = record(tmp_path, "w-0.json", "{")
    running = [{"unit": "adbray-worker@g.w-0.service", "active": "active"}]
    assert [one["what"] for one in unseen_of(running)] == [str(path)]


def unseen_of(running: list[dict[str, str]]) -> list[dict[str, str]]:
    """What is reported of records and units."""
    unseen: list[dict[str, str]] = []
    found = slots.recorded(unseen)
    units.without_record(found, running, unseen)
    return unseen


@pytest.mark.parametrize(
    ("kept", "older"),
    [
        # Of an adbray that kept none.
        (None, []),
        ({"g/w-0.json": "r1", "token": "secret"}, []),
        ({"g/w-0.json": "r0", "token": "secret"}, ["g/w-0.json"]),
        ({"g/w-0.json": "r1", "token": "another"}, ["token"]),
    ],
)
def test_a_process_is_older_than_files_with_another_digest(
    tmp_path: Path, kept: dict[str, str] | None, older: list[str]
) -> None:
    token, unit = tmp_path / "token", tmp_path / "unit"
    for path in (token, unit):
        path.write_text("secret")
        os.utime(path, (2**32, 2**32))
    sums = {str(path): digest("secret") for path in (token, unit)}
    fields = {**GOOD, "unit": "u.service", "revision": "r1", "files": sums}
    if kept is not None:
        values = {
            str(tmp_path / name): text if text.startswith("r") else digest(text)
            for name, text in kept.items()
        }
        Path(layout.started_of("u.service")).write_text(json.dumps(values))
    found = slots.drift(fields, {"u.service"})
    assert found == [f"its process is older than {tmp_path / name}" for name in older]
    assert slots.drift(fields, set()) == []


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
