"""What waits for its turn is not called impossible, by Ray's own scheduler and event logger."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from ray._private.event.event_logger import EventLoggerAdapter
from ray.autoscaler.v2 import autoscaler
from ray.autoscaler.v2.event_logger import AutoscalerEventLogger
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.core.generated import event_pb2

from adbray_ctl.provider.turns import REPEAT_S, WAITS_S, TurnScheduler, install
from tests.unit.provider.ray_messages import floor, gang, instance, task, types

_SOURCE: Any = event_pb2.Event.SourceType.Value("AUTOSCALER")  # type: ignore[attr-defined]
FALSE_ALARM = "No available node types can fulfill"


class Lines(logging.Handler):
    """The messages of Ray's events."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(json.loads(record.getMessage())["message"])


class Bench:
    """A scheduler with Ray's event logger over it, and a clock."""

    def __init__(self, kind: type[ResourceDemandScheduler]) -> None:
        self.now = 100.0
        self.lines = Lines()
        raw = logging.getLogger(f"test-{id(self)}")
        raw.setLevel(logging.INFO)
        raw.propagate = False
        raw.addHandler(self.lines)
        events = AutoscalerEventLogger(EventLoggerAdapter(_SOURCE, raw))
        self.scheduler = kind(events, lambda: self.now) if kind is TurnScheduler else kind(events)

    def schedule(self, **asked: Any) -> Any:
        """Ask while all three workers of 1 CPU run and are busy."""
        return self.scheduler.schedule(
            SchedulingRequest(
                disable_launch_config_check=True,
                node_type_configs=types(small=(1, 3)),
                current_instances=[instance(f"small-{n}", "small", 1, free=0) for n in range(3)],
                **asked,
            )
        )


@pytest.fixture
def bench() -> Bench:
    return Bench(TurnScheduler)


WAITS = [
    {"resource_requests": [task(13, CPU=1)]},
    {"gang_resource_requests": [gang({"CPU": 1}, {"CPU": 1})]},
    # Only this one worker has the label, and no further one can.
    {"resource_requests": [task(1, CPU=1, labels={"adbray.io/slot": "small-1"})]},
    {"resource_requests": [task(1, None, CPU=1, **{"node:10.0.0.small-2": 0.1})]},
]
IMPOSSIBLE = [
    {"resource_requests": [task(1, CPU=2)]},
    {"resource_requests": [task(1, GPU=1)]},
    {"resource_requests": [task(1, CPU=1, labels={"tier": "x"})]},
    {"gang_resource_requests": [gang(*[{"CPU": 1.0}] * 4)]},
    {"cluster_resource_constraints": [floor(4, CPU=1)]},
]


def infeasible(reply: Any) -> int:
    return len(
        [
            *reply.infeasible_resource_requests,
            *reply.infeasible_gang_resource_requests,
            *reply.infeasible_cluster_resource_constraints,
        ]
    )


@pytest.mark.parametrize("asked", WAITS)
def test_ray_itself_calls_it_impossible(asked: dict[str, Any]) -> None:
    """When this fails, Ray has learned it and ``turns`` can go."""
    bench = Bench(ResourceDemandScheduler)
    assert infeasible(bench.schedule(**asked))
    assert FALSE_ALARM in bench.lines.messages[0]


@pytest.mark.parametrize("asked", WAITS)
def test_what_waits_for_a_busy_worker_is_no_alarm(bench: Bench, asked: dict[str, Any]) -> None:
    reply = bench.schedule(**asked)
    assert infeasible(reply) == 0
    assert not reply.to_launch
    assert not any(FALSE_ALARM in line for line in bench.lines.messages)


@pytest.mark.parametrize("asked", IMPOSSIBLE)
def test_what_no_worker_can_ever_do_is_reported(bench: Bench, asked: dict[str, Any]) -> None:
    assert infeasible(bench.schedule(**asked))
    assert FALSE_ALARM in bench.lines.messages[-1]


def test_waiting_and_impossible_demands_are_distinguished(bench: Bench) -> None:
    reply = bench.schedule(resource_requests=[task(13, CPU=1), task(2, CPU=8)])
    assert len(reply.infeasible_resource_requests) == 2
    (line,) = bench.lines.messages
    assert "{'CPU': 8.0}*2. Add" in line


def test_the_impossible_is_repeated_once_a_minute_and_not_at_each_tick(bench: Bench) -> None:
    for _ in range(10):
        bench.schedule(resource_requests=[task(1, CPU=2)])
        bench.now += 1
    assert sum(FALSE_ALARM in line for line in bench.lines.messages) == 1
    bench.schedule(resource_requests=[task(3, CPU=2), task(1, GPU=1)])
    assert sum(FALSE_ALARM in line for line in bench.lines.messages) == 2, "something new"
    bench.now += REPEAT_S
    bench.schedule(resource_requests=[task(3, CPU=2), task(1, GPU=1)])
    assert sum(FALSE_ALARM in line for line in bench.lines.messages) == 3


def test_a_long_wait_is_logged_once(bench: Bench) -> None:
    for _ in range(3):
        bench.schedule(resource_requests=[task(13, CPU=1)])
        bench.now += WAITS_S / 2
    bench.schedule(resource_requests=[task(12, CPU=1)])
    (said,) = [line for line in bench.lines.messages if line.startswith("Waiting for workers")]
    assert said == (
        "Waiting for workers to become free: {'CPU': 1.0}*13. All workers that fit are busy, and"
        " max_workers allows no more of them."
    )
    bench.schedule()
    bench.schedule(resource_requests=[task(13, CPU=1)])
    assert len([line for line in bench.lines.messages if line.startswith("Waiting")]) == 1


def test_scheduling_goes_on_where_the_correction_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise TypeError("of a Ray to come")

    monkeypatch.setattr("adbray_ctl.provider.turns._correct", fails)
    assert infeasible(bench.schedule(resource_requests=[task(13, CPU=1)]))


def test_an_autoscaler_that_loads_the_provider_uses_our_scheduler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray makes its scheduler by this name, after it has loaded the provider."""
    source = Path(str(autoscaler.__file__)).read_text()
    loads = source.index("self._init_cloud_instance_provider(config")
    assert loads < source.index("self._scheduler = ResourceDemandScheduler(self._event_logger)")
    monkeypatch.setattr(autoscaler, "ResourceDemandScheduler", ResourceDemandScheduler)
    install()
    assert vars(autoscaler)["ResourceDemandScheduler"] is TurnScheduler
