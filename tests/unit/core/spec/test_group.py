"""The spec models: defaults, inheritance, GPU shares, and their JSON Schema."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ValidationError

from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup, json_schema
from adbray_ctl.core.spec.redis import RedisMode
from adbray_ctl.core.spec.ssh import Ssh


def fleet(**host: Any) -> Fleet:
    return Fleet.model_validate(
        {
            "kind": "Fleet",
            "ssh": {"user": "ops", "jump": {"address": "10.0.0.9"}},
            "hosts": [{"name": "one", "address": "10.0.0.1", **host}],
        }
    )


def workers(**keys: Any) -> WorkerGroup:
    return WorkerGroup.model_validate({"name": "w", "size": "small", **keys})


def test_group_defaults_are_those_of_analyticdb_ray() -> None:
    group = RayClusterSpec.model_validate({"kind": "RayCluster", "name": "demo"})
    assert (group.ray.version, group.ray.python) == ("2.60.0", "3.11")
    assert (group.head.disk_gb, group.head.size) == (100, "small")
    assert group.redis.mode is RedisMode.MANAGED
    assert group.idle_timeout_s == 60
    assert workers().disk_gb == 100


def test_fleet_limits_are_those_of_analyticdb_ray() -> None:
    limits = fleet().limits
    assert (limits.disk_gb.min, limits.disk_gb.max) == (30, 2000)
    assert (limits.min_workers, limits.max_workers) == (1, 8)


@pytest.mark.parametrize(("keys", "count"), [({}, 1), ({"min_workers": 3}, 3)])
def test_max_workers_left_out_is_min_workers(keys: dict[str, int], count: int) -> None:
    assert workers(**keys).max_workers == count


@pytest.mark.parametrize(
    ("keys", "cards", "slices"),
    [
        ({}, 0, 1),
        ({"type": "GPU"}, 1, 1),
        ({"type": "GPU", "allocation_unit": 4}, 4, 1),
        ({"type": "GPU", "allocation_unit": "1/3"}, 1, 3),
    ],
)
def test_gpu_share(keys: dict[str, Any], cards: int, slices: int) -> None:
    group = workers(**keys)
    assert (group.gpu_cards, group.gpu_slices) == (cards, slices)


def test_a_host_without_ssh_has_the_fleets() -> None:
    known = fleet()
    assert known.ssh_for(known.host("one")) is known.ssh


def test_a_host_overrides_key_by_key() -> None:
    known = fleet(ssh={"port": 2222})
    expected = Ssh(user="ops", port=2222, jump=known.ssh.jump)
    assert known.ssh_for(known.host("one")) == expected


def test_a_host_can_do_without_the_jump_host() -> None:
    known = fleet(ssh={"jump": None})
    assert known.ssh_for(known.host("one")).jump is None


def test_an_unknown_host() -> None:
    with pytest.raises(KeyError):
        fleet().host("two")


def test_models_cannot_be_changed() -> None:
    group = workers()
    with pytest.raises(ValidationError):
        group.__setattr__("size", "large")


def test_error_messages_of_pydantic_hold_no_input() -> None:
    with pytest.raises(ValidationError) as caught:
        fleet(address="hunter2:hunter2")
    assert "input_value" not in str(caught.value)


@pytest.mark.parametrize("kind", ["fleet", "group"])
def test_every_key_in_the_schema_is_explained(kind: Literal["fleet", "group"]) -> None:
    schema = json_schema(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for model in (schema, *schema["$defs"].values()):
        assert model.get("description"), model
        if "properties" in model:
            assert model["additionalProperties"] is False
        for name, key in model.get("properties", {}).items():
            assert key.get("description"), (model["title"], name)


@pytest.mark.parametrize("model", [Fleet, RayClusterSpec])
def test_models_come_back_from_json(model: type[BaseModel]) -> None:
    keys: dict[str, Any] = {"kind": "RayCluster", "name": "demo"}
    value = fleet() if model is Fleet else RayClusterSpec.model_validate(keys)
    assert model.model_validate_json(value.model_dump_json()) == value
