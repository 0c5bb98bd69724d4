"""The provider under Ray's own adapter and config reader, as autoscaler v2 drives it."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ray.autoscaler.v2.instance_manager.config import FileConfigReader
from ray.autoscaler.v2.instance_manager.node_provider import (
    CloudInstanceProviderError,
    NodeProviderAdapter,
)
from ray.core.generated.instance_manager_pb2 import (  # type: ignore[attr-defined]
    NodeKind,  # made at run time
)

import adbray_ctl.provider
from adbray_ctl.core.desired.autoscaler import HEAD_TYPE, autoscaling_config
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.provider.demand import Demand, Rule, Shape
from adbray_ctl.provider.journal import EVENTS, VIEW
from adbray_ctl.provider.lost_jobs import NEVER_BEGAN, Job
from adbray_ctl.provider.node_provider import SlotProvider
from adbray_ctl.provider.ray_state import RayNode, RayState
from tests.unit.cluster import placed
from tests.unit.provider.hosts import FakeHosts

HEAD = "head.0123"
FLEET = Fleet.model_validate(
    {"kind": "Fleet", "hosts": [{"name": "a", "address": "10.0.0.1"}]},
)
SPEC = RayClusterSpec.model_validate(
    {
        "kind": "RayCluster",
        "name": "demo",
        "idle_timeout_s": 90,
        "worker_groups": [
            {"name": "v", "size": "small", "min_workers": 0, "max_workers": 1},
            {
                "name": "w",
                "size": "c.medium",
                "min_workers": 1,
                "max_workers": 4,
                "labels": {"tier": "x"},
            },
        ],
    }
)
FOLDER = Path(adbray_ctl.provider.__file__).parent


class Driven:
    """Ray's adapter over our provider, on hosts that are stood in for."""

    def __init__(self, folder: Path) -> None:
        self.hosts = FakeHosts({"a": ["w-0", "w-2", "v-0"], "b": ["w-1", "w-3"]})
        self.joined: set[str] = set()
        self.demands: tuple[Demand, ...] = ()
        self.jobs: tuple[Job, ...] = ()
        self.failed: dict[str, str] = {}
        self.folder = folder
        self.write_config("a", "b")
        self.reader = FileConfigReader(str(folder / "autoscaling.json"))
        self.provider = SlotProvider(
            self.reader.get_cached_autoscaling_config().get_provider_config(),
            "demo",
            connect=self.hosts.connect,
            clock=lambda: self.hosts.now,
            sleep=self.hosts.sleep,
            read_ray=self.read_ray,
            jobs=self,
        )
        self.adapter = NodeProviderAdapter(self.provider, self.reader)

    def write_config(self, *names: str, launches_per_minute: int | None = None) -> None:
        config = autoscaling_config(FLEET, SPEC, placed(FLEET, SPEC))
        known = {host.name: host for host in self.hosts.addresses}
        config["provider"] |= {
            "config_file": str(self.folder / "autoscaling.json"),
            "journal_dir": str(self.folder),
            "hosts": [{"name": n, "address": known[n].address, "port": 22} for n in names],
            "launches_per_minute": launches_per_minute,
        }
        (self.folder / "autoscaling.json").write_text(json.dumps(config))

    def read_ray(self) -> RayState:
        return RayState({name: RayNode(alive=True) for name in self.joined}, self.demands)

    def head_since_s(self) -> float:
        return 0.0

    def unfinished(self) -> tuple[Job, ...]:
        return self.jobs

    def has_supervisor(self, job: str) -> bool:
        raise RuntimeError(f"{job}: the GCS does not answer")

    def fail(self, job: str, message: str, at_s: float) -> None:
        self.failed[job] = message

    def told(self) -> list[tuple[str, str]]:
        """The kind and text of every event so far."""
        lines = (self.folder / EVENTS).read_text().splitlines()
        return [(event["kind"], event["text"]) for event in map(json.loads, lines)]

    def running(self) -> dict[str, str]:
        """The node type of each worker's slot that runs."""
        found = self.adapter.get_non_terminated()
        head = found.pop(HEAD)
        assert (head.node_type, head.node_kind) == (HEAD_TYPE, NodeKind.HEAD)
        return {instance.partition(".")[0]: i.node_type for instance, i in found.items()}

    def instance(self, slot: str) -> str:
        return next(i for i in self.adapter.get_non_terminated() if i.startswith(f"{slot}."))

    def error(self) -> str:
        """What Ray would report of the next failure."""
        found: list[CloudInstanceProviderError] = []

        def is_there() -> bool:
            found.extend(self.adapter.poll_errors())
            return bool(found)

        until(is_there)
        return str(found[0])


@pytest.fixture
def driven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driven:
    monkeypatch.setenv("RAY_CLOUD_INSTANCE_ID", HEAD)
    return Driven(tmp_path)


def until(what: Callable[[], Any]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_ray_reads_the_worker_groups(driven: Driven) -> None:
    config = driven.reader.get_cached_autoscaling_config()
    types = config.get_node_type_configs()
    assert types.keys() == {HEAD_TYPE, "v", "w"}
    w = types["w"]
    assert (w.min_worker_nodes, w.max_worker_nodes, w.idle_timeout_s) == (1, 4, 90)
    assert w.resources["CPU"] == 2
    assert w.labels["tier"] == "x"
    assert config.disable_node_updaters()
    assert (config.get_max_num_nodes() or 0) > 5 + 10, (
        "heads that ended are no reason to end a worker"
    )
    assert types[HEAD_TYPE].max_worker_nodes > 10


def test_what_is_launched_runs_and_is_stopped(driven: Driven) -> None:
    assert driven.running() == {}
    driven.adapter.launch({"w": 2, "v": 1}, "request")
    until(lambda: driven.running() == {"w-0": "w", "w-1": "w", "v-0": "v"})
    instance = driven.instance("w-0")
    driven.joined = {instance}
    driven.adapter.terminate([instance], "request")
    until(lambda: driven.running() == {"w-1": "w", "v-0": "v"})
    driven.adapter.launch({"w": 1}, "again")
    until(lambda: len(driven.running()) == 3)
    assert driven.instance("w-0") != instance, "an id is never used again"
    assert driven.adapter.poll_errors() == []


def test_why_a_launch_failed_is_in_the_error_that_ray_reports(driven: Driven) -> None:
    driven.running()
    driven.hosts["a"].broken["v-0"] = "no such disk"
    driven.adapter.launch({"v": 1}, "request")
    assert "v-0 on a: no such disk" in driven.error()


def test_what_never_joined_is_set_aside(driven: Driven) -> None:
    driven.running()
    driven.adapter.launch({"v": 1}, "request")
    until(lambda: "v-0" in driven.running())
    driven.adapter.terminate([driven.instance("v-0")], "request")
    until(lambda: driven.running() == {})
    driven.adapter.launch({"v": 1}, "request")
    assert "it did not join Ray in time" in driven.error()


def test_what_happens_is_told_with_its_reason(driven: Driven) -> None:
    four = Shape((("CPU", 2.0),), ((Rule("tier", ("x",)),),))
    driven.demands = (Demand(four, 3), Demand(Shape((("CPU", 9.0),)), 1, "a placement group"))
    driven.running()
    driven.adapter.launch({"w": 1}, "request")
    until(lambda: "w-0" in driven.running())
    driven.joined = {driven.instance("w-0")}
    driven.running()
    driven.adapter.terminate(list(driven.joined), "request")
    until(lambda: driven.running() == {})
    driven.hosts["b"].restart("w-1")
    driven.running()
    driven.hosts["b"].restart("w-1")
    driven.running()
    told = driven.told()
    assert [kind for kind, _ in told] == ["head", "launch", "start", "join", "stop", "end"]
    assert told[1][1] == "1 of w for 3 x (2 CPU, tier=x) for tasks or actors"
    assert told[3][1].startswith("w-0 on a joined Ray 0.")
    assert told[4][1] == "stopped w-0 on a: Ray ended its node"
    assert told[5][1] == "w-1 on b ended and was started again"


def test_a_worker_that_is_given_up_is_told_as_such(driven: Driven) -> None:
    driven.running()
    for _ in range(4):
        driven.hosts["a"].restart("v-0")
        driven.running()
    until(lambda: driven.running() == {})
    (kind, text) = driven.told()[-1]
    assert (kind, text) == ("stop", "stopped v-0 on a: its process ended 3 times within 120 s")


def test_the_limit_of_launches_is_live(driven: Driven) -> None:
    driven.running()
    driven.write_config("a", "b", launches_per_minute=1)
    driven.running()
    driven.adapter.launch({"w": 2}, "request")
    assert "max_launches_per_minute (1) is reached" in driven.error()
    view = json.loads((driven.folder / VIEW).read_text())
    assert (view["waiting"], view["silent"], view["set_aside"]) == ([], [], [])


def test_jobs_that_an_earlier_head_left_are_ended_beside(driven: Driven) -> None:
    driven.jobs = (Job("left", running=False, submitted_s=-1.0),)
    driven.running()
    assert driven.failed == {"left": NEVER_BEGAN}


def test_jobs_that_cannot_be_looked_at_are_no_reason_not_to_scale(driven: Driven) -> None:
    driven.jobs = (Job("any", running=True, submitted_s=1.0),)
    driven.running()  # launches go to hosts that have been read
    driven.adapter.launch({"v": 1}, "request")
    until(lambda: "v-0" in driven.running())


def test_a_head_is_never_stopped(driven: Driven) -> None:
    driven.running()
    driven.adapter.terminate([HEAD, "head.another"], "request")
    driven.adapter.launch({"v": 1}, "request")
    until(lambda: "v-0" in driven.running())
    assert [line for host in driven.hosts.hosts.values() for line in host.log] == ["start v-0"]


def test_a_new_list_of_hosts_is_taken_over(driven: Driven) -> None:
    driven.hosts["b"].restart("w-1")
    assert driven.running() == {"w-1": "w"}
    driven.write_config("a")
    assert driven.running() == {}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_it_needs_ray_and_paramiko_alone(path: Path) -> None:
    """The head's environment has nothing else of ours, and may have Python 3.10."""
    tree = ast.parse(path.read_text(), feature_version=(3, 10))
    for node in ast.walk(tree):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            ours = name.startswith("adbray_ctl")
            assert not ours or name.startswith("adbray_ctl.provider"), name
            assert name.split(".")[0] not in {"pydantic", "yaml", "click", "rich"}, name
