"""How large a package the store takes."""

from __future__ import annotations

import pytest

from adbray_ctl.in_ray.uploads.door import store_of
from adbray_ctl.in_ray.uploads.room import LARGEST, MIB, Store, refusal


@pytest.mark.parametrize(
    ("limit", "used", "coming", "room"),
    [
        (0, 900, 0, LARGEST),
        (128, 0, 0, 104 / 2.5),
        (128, 60, 0, 44 / 2.5),
        (128, 0, 20, 54 / 2.5),
        (128, 104, 0, 0.25),
        (128, 119.9, 0, 0.1),
        (128, 127, 40, 0),
        (64, 0, 0, 40 / 2.5),
        (1024, 0, 0, LARGEST),
        (1024, 800, 0, 96 / 2.5),
    ],
)
def test_room(limit: int, used: float, coming: int, room: float) -> None:
    store = Store(limit * MIB, int(used * MIB), coming * MIB)
    assert store.room == pytest.approx(room if room == LARGEST else room * MIB, abs=1)


@pytest.mark.parametrize(
    ("limit", "used", "size", "words"),
    [
        (128, 0, 40, ()),
        (128, 0, 45, ("takes 40.0 MiB at most", "redis.maxmemory_mb: 128", "raise")),
        (128, 60, 20, ("has room for 17.6 MiB", "60.0 MiB of 104.0 MiB", "60 s after", "again")),
        (128, 110, 0.2, ()),
        (128, 123, 0.2, ("has room for 0.0 MiB",)),
        (4096, 0, 99, ()),
        (4096, 0, 100, ("takes 99.0 MiB at most", "URL")),
        (0, 5000, 99, ()),
    ],
)
def test_refusal(limit: int, used: int, size: float, words: tuple[str, ...]) -> None:
    said = refusal(Store(limit * MIB, used * MIB), int(size * MIB), 60)
    assert bool(said) == bool(words)
    assert all(word in said for word in words), said


def test_store_of_counts_data_and_not_what_connections_hold() -> None:
    info = "# Memory\r\nused_memory:900\r\nused_memory_dataset:300\r\nmaxmemory:1000\r\n"
    assert store_of(info, 5) == Store(limit=1000, used=300, coming=5)
    assert store_of("") == Store(limit=0, used=0)
