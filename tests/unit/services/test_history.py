"""What the history keeps of a run, however it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.events import RunEvent, StepEnded, StepStarted
from adbray_ctl.core.history import NodeResult, NodeState, RunOutcome
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services.history import Deed, only_step, planned, recorded, unplanned
from tests.unit.converging import CHANGED, FLEET, GROUP, Cluster

NODES = (("w-0", "b"), ("w-1", "b"))


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_it_has_the_plan_the_files_and_what_is_to_happen_to_each_node(cluster: Cluster) -> None:
    cluster.file.write_text(CHANGED)
    prepared = cluster.prepare()
    cluster.clock.at = 3
    with recorded(cluster.tools, planned(prepared, "upgrade"), lambda _: None):
        run = cluster.history.run(1)
        assert (run.outcome, run.ended_at, run.started_at) == (RunOutcome.RUNNING, None, 3)
    assert (run.group, run.command, run.spec, run.fleet) == ("demo", "upgrade", CHANGED, FLEET)
    assert run.plan == prepared.plan.model_dump_json()
    assert [one.node for one in run.nodes] == ["w-0", "w-1", "w-2", "x-0", "x-1"]
    assert {one.action for one in run.nodes} == {Impact.RESTART}
    assert all("env.X" in one.reason for one in run.nodes)


def test_each_step_marks_its_nodes_with_its_times(cluster: Cluster) -> None:
    seen: list[RunEvent] = []
    deed = unplanned("demo", "drain", NODES, Impact.STOP)
    with recorded(cluster.tools, deed, seen.append) as report:
        cluster.clock.at = 1
        report(StepStarted(number=1, total=2, title="one", nodes=NODES[:1]))
        cluster.clock.at = 2
        assert cluster.states(1) == {"w-0": "running", "w-1": "pending"}
        report(StepEnded(title="one", nodes=NODES[:1], log="one.log"))
        report(StepStarted(number=2, total=2, title="two", nodes=NODES[1:]))
        cluster.clock.at = 4
        report(StepEnded(title="two", nodes=NODES[1:], error="no answer"))
    assert [type(event) for event in seen] == [StepStarted, StepEnded] * 2
    reason = "drain was asked for"
    assert cluster.history.run(1).nodes == (
        NodeResult(
            node="w-0",
            host="b",
            action="stop",
            reason=reason,
            state=NodeState.DONE,
            started_at=1,
            ended_at=2,
        ),
        NodeResult(
            node="w-1",
            host="b",
            action="stop",
            reason=reason,
            state=NodeState.FAILED,
            started_at=2,
            ended_at=4,
        ),
    )
    assert cluster.history.run(1).logs == ("one.log",)


@pytest.mark.parametrize(
    ("error", "outcome", "text"),
    [
        (HostError("no answer", where="b"), RunOutcome.FAILED, "no answer"),
        (KeyboardInterrupt(), RunOutcome.INTERRUPTED, "KeyboardInterrupt"),
        (ValueError("x"), RunOutcome.INTERRUPTED, "ValueError"),
    ],
)
def test_how_it_ended(
    cluster: Cluster, error: BaseException, outcome: RunOutcome, text: str
) -> None:
    deed = unplanned("demo", "drain", NODES, Impact.STOP)

    def run_it() -> None:
        with (
            recorded(cluster.tools, deed, lambda _: None) as report,
            only_step(report, "drain", NODES),
        ):
            cluster.clock.at = 9
            raise error

    with pytest.raises(type(error)):
        run_it()
    run = cluster.history.run(1)
    assert (run.outcome, run.error, run.ended_at) == (outcome, text, 9)
    # Where it broke off is seen by a node that still runs in a run that has ended.
    broke_off = outcome is RunOutcome.INTERRUPTED
    assert set(cluster.states(1).values()) == {"running" if broke_off else "failed"}


def test_a_group_without_a_file_has_no_text(cluster: Cluster) -> None:
    cluster.file.unlink()
    with recorded(cluster.tools, Deed("demo", "destroy", ()), lambda _: None):
        pass
    assert cluster.history.run(1).spec == ""
    cluster.file.write_text(GROUP)
    with recorded(cluster.tools, Deed("demo", "apply", ()), lambda _: None):
        pass
    assert cluster.history.run(2).spec == GROUP
