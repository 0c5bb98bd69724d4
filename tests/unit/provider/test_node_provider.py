"""The provider under Ray's own adapter and config reader, as autoscaler v2 drives it."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import adbray_ctl.provider
from adbray_ctl.core.desired.autoscaler import HEAD_TYPE
from adbray_ctl.provider import node_provider
from adbray_ctl.provider.demand import Demand, Rule, Shape
from adbray_ctl.provider.joins import WITHIN_S
from adbray_ctl.provider.journal import VIEW
from adbray_ctl.provider.lost_jobs import NEVER_BEGAN, Job
from tests.unit.provider.driven import HEAD, Driven
from tests.unit.provider.hosts import until

FOLDER = Path(adbray_ctl.provider.__file__).parent


@pytest.fixture
def driven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Driven:
    monkeypatch.setenv("RAY_CLOUD_INSTANCE_ID", HEAD)
    # Events all have one time, however long a test takes.
    monkeypatch.setattr(node_provider, "time", SimpleNamespace(time=lambda: 1.7e9))
    return Driven(tmp_path)


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


def test_launched_workers_run_and_are_stopped(driven: Driven) -> None:
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


def test_a_slot_whose_worker_never_joined_is_set_aside(driven: Driven) -> None:
    driven.running()
    driven.adapter.launch({"v": 1}, "request")
    until(lambda: "v-0" in driven.running())
    driven.hosts.now += WITHIN_S
    assert "v-0" in driven.running()
    driven.hosts.now += 1
    until(lambda: driven.running() == {})
    assert driven.events()[-1] == ("stop", "stopped v-0 on a: it did not join Ray in time")
    driven.adapter.launch({"v": 1}, "request")
    assert "it did not join Ray in time" in driven.error()


def test_a_worker_that_waits_for_its_turn_is_not_given_up(driven: Driven) -> None:
    """The time to join begins with its turn; one that joined once is Ray's business."""
    driven.running()
    driven.adapter.launch({"w": 2}, "request")
    until(lambda: len(driven.running()) == 2)
    driven.hosts["a"].wait("w-0", "waiting for its turn to start (3 before it)")
    driven.joined = {driven.instance("w-1")}
    driven.running()
    driven.joined = set()
    driven.hosts.now += 10 * WITHIN_S
    assert driven.running() == {"w-0": "w", "w-1": "w"}
    driven.hosts["a"].wait("w-0", "")
    driven.hosts.now += WITHIN_S
    assert driven.running() == {"w-0": "w", "w-1": "w"}
    driven.hosts.now += 1
    until(lambda: driven.running() == {"w-1": "w"})


def test_a_waiting_worker_that_nothing_needs_is_stopped_without_a_fault(driven: Driven) -> None:
    driven.running()
    driven.adapter.launch({"v": 1}, "request")
    until(lambda: "v-0" in driven.running())
    driven.hosts["a"].wait("v-0", "waiting for its turn to start (it is next)")
    driven.adapter.terminate([driven.instance("v-0")], "request")
    until(lambda: driven.running() == {})
    assert driven.events()[-1] == ("stop", "stopped v-0 on a: nothing needs it any more")
    driven.adapter.launch({"v": 1}, "request")
    until(lambda: "v-0" in driven.running())


def test_what_a_group_always_has_starts_before_what_work_asks_for(driven: Driven) -> None:
    """min_workers of w is 1. A gate that gives no turns would not know the word."""
    for host in ("a", "b"):
        for slot in driven.hosts[host].slots:
            driven.hosts[host].wait(slot, "")
    driven.running()
    driven.adapter.launch({"w": 2}, "request")
    until(lambda: len(driven.running()) == 2)
    driven.adapter.launch({"w": 1, "v": 1}, "again")
    until(lambda: len(driven.running()) == 4)
    log = [line for host in ("a", "b") for line in driven.hosts[host].log]
    assert sum(line.endswith(" least") for line in log) == 1
    assert len([line for line in log if line.startswith("start ")]) == 4


def test_every_event_has_its_reason(driven: Driven) -> None:
    four = Shape((("CPU", 2.0),), ((Rule("tier", ("x",)),),))
    driven.demands = (Demand(four, 3), Demand(Shape((("CPU", 9.0),)), 1, "a placement group"))
    driven.running()
    driven.adapter.launch({"w": 1}, "request")
    until(lambda: "w-0" in driven.running())
    # A worker is shown a moment before its start is noted: none joins as soon as that.
    until(lambda: driven.provider._chronicle._started)
    driven.joined = {driven.instance("w-0")}
    driven.running()
    driven.adapter.terminate(list(driven.joined), "request")
    until(lambda: driven.running() == {})
    driven.hosts["b"].restart("w-1")
    driven.running()
    driven.hosts["b"].restart("w-1")
    driven.running()
    events = driven.events()
    assert [kind for kind, _ in events] == ["head", "launch", "start", "join", "stop", "end"]
    assert events[1][1] == "1 of w for 3 x (2 CPU, tier=x) for tasks or actors"
    assert events[3][1].startswith("w-0 on a joined Ray 0.")
    assert events[4][1] == "stopped w-0 on a: Ray ended its node"
    assert events[5][1] == "w-1 on b ended and was started again"


def test_the_stop_of_a_worker_that_cannot_stay_up_has_its_reason(driven: Driven) -> None:
    driven.running()
    # It is stopped at the last look, and must not be gone before that has shown it.
    driven.hosts["a"].gate.clear()
    for _ in range(4):
        driven.hosts["a"].restart("v-0")
        driven.running()
    driven.hosts["a"].gate.set()
    until(lambda: driven.running() == {})
    (kind, text) = driven.events()[-1]
    assert (kind, text) == ("stop", "stopped v-0 on a: its process ended 3 times within 120 s")


def test_the_limit_of_launches_is_live(driven: Driven) -> None:
    driven.running()
    driven.write_config("a", "b", launches_per_minute=1)
    driven.running()
    driven.adapter.launch({"w": 2}, "request")
    assert "max_launches_per_minute (1) is reached" in driven.error()
    view = json.loads((driven.folder / VIEW).read_text())
    assert (view["waiting"], view["silent"], view["set_aside"]) == ([], [], [])


def test_jobs_that_an_earlier_head_left_are_ended(driven: Driven) -> None:
    driven.jobs = (Job("left", running=False, submitted_s=-1.0),)
    driven.running()
    assert driven.failed == {"left": NEVER_BEGAN}


def test_scaling_goes_on_when_jobs_cannot_be_read(driven: Driven) -> None:
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
def test_the_provider_imports_ray_and_paramiko_only(path: Path) -> None:
    """The head's environment has nothing else of ours, and may have Python 3.10."""
    tree = ast.parse(path.read_text(), feature_version=(3, 10))
    for node in ast.walk(tree):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            ours = name.startswith("adbray_ctl")
            assert not ours or name.startswith("adbray_ctl.provider"), name
            assert name.split(".")[0] not in {"pydantic", "yaml", "click", "rich"}, name
