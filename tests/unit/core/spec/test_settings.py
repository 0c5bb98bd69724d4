"""Every setting that a record names has the effect of its field in the spec."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from adbray_ctl.core.spec.impact import Impact, Reach
from adbray_ctl.core.spec.settings import effect_of_setting, without_sizes
from tests.unit.cluster import applied, placed
from tests.unit.core.plans import fleet, spec


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        ("ray.version", {Reach.SOFTWARE, Reach.VERSION}),
        ("ray.packages", {Reach.SOFTWARE}),
        ("head.size", set()),
        ("head.disk_gb", {Reach.DISK_SIZE}),
        ("worker_groups.w.disk_gb", {Reach.DISK_SIZE}),
        ("worker_groups.w.isolation", {Reach.CARDS}),
        ("GPU share", {Reach.CARDS}),
        ("GPU share.cards", {Reach.CARDS}),
        ("head address", {Reach.HEAD_ADDRESS}),
        ("system_reserved.memory_gb", {Reach.HOST}),
        ("kept_logs.days", {Reach.HOST}),
        ("gpu.driver", {Reach.HOST, Reach.DRIVER}),
        ("gpu.runfile", {Reach.HOST, Reach.DRIVER}),
        ("gpu.runfile.url", {Reach.HOST, Reach.DRIVER}),
        ("sizes.c.small.cpus", set()),
        ("worker hosts.a.power", set()),
        ("no.such.field", set()),
    ],
)
def test_what_a_setting_reaches(name: str, reach: set[Reach]) -> None:
    assert effect_of_setting(name).reach == reach


@pytest.mark.parametrize("key", ["a.isolation", "a.disk_gb", "ray.version"])
def test_a_users_label_reaches_nothing_whatever_its_name(key: str) -> None:
    assert not effect_of_setting(f"worker_groups.w.labels.{key}").reach


def test_every_setting_a_slot_is_made_of_restarts_it() -> None:
    wanted = spec()
    observed = applied(fleet(), wanted, placed(fleet(), wanted))
    for _, record in observed.records():
        for name in record.settings:
            effect = effect_of_setting(name)
            assert effect.impact is Impact.RESTART, name
            assert record.kind in effect.on, name


def test_the_revision_leaves_out_the_sizes_of_disks() -> None:
    settings: dict[str, JsonValue] = {
        "head.disk_gb": 100,
        "head.size": "small",
        "worker_groups.w.disk_gb": 1,
    }
    assert without_sizes(settings) == {"head.size": "small"}
