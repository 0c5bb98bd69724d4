"""A group is removed from all its hosts, and counts as gone only where each host shows that."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import HostError, RunError
from adbray_ctl.core.history import RunOutcome
from adbray_ctl.core.observed.hosts import HostObservation, Trace
from adbray_ctl.core.observed.ray import RayJob
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services.destroy import Removal, destroy, prepare
from adbray_ctl.services.history import recorded, unplanned
from tests.unit.converging import FLEET, Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def carry_out(cluster: Cluster, removal: Removal) -> None:
    """On record, as the command does."""
    deed = unplanned("demo", "destroy", removal.nodes, Impact.DELETE)
    with recorded(cluster.tools, deed, lambda _: None) as report:
        destroy(cluster.tools, removal, report)


def test_it_says_first_what_goes(cluster: Cluster) -> None:
    head = cluster.hosts.observed.host("a")
    job = RayJob(id="j", entrypoint="python x.py")
    busy = head.ray[0].model_copy(update={"jobs": (job,)})
    cluster.hosts.show(head.model_copy(update={"ray": (busy,)}))
    cluster.file.unlink()
    found = prepare(cluster.tools, "demo")
    assert (found.hosts, found.head, found.jobs) == (("a", "b", "c"), "a", (job,))
    assert set(found.nodes) == {
        *(("head", "a"), ("redis", "a")),
        *((f"w-{number}", "b") for number in range(3)),
        *((f"x-{number}", "c") for number in range(2)),
    }


def test_nothing_is_left_of_it_here_or_there(cluster: Cluster) -> None:
    carry_out(cluster, prepare(cluster.tools, "demo"))
    assert cluster.journal.lines == ["run delete"]
    ((directory, inventory),) = cluster.inventories.history
    assert directory == cluster.inventories.path("demo")
    assert inventory.groups["adbray_hosts"] == ("a", "b", "c")
    assert (cluster.inventories.written, cluster.secrets.has("demo")) == ({}, False)
    run = cluster.history.run(1)
    assert (run.outcome, run.logs) == (RunOutcome.SUCCEEDED, ("run-1.log",))
    assert set(cluster.states(1).values()) == {"done"}


def test_a_run_that_fails_keeps_the_secrets_for_the_next(cluster: Cluster) -> None:
    cluster.journal.failures["run delete"] = RunError("task X failed", where="b")
    with pytest.raises(RunError):
        carry_out(cluster, prepare(cluster.tools, "demo"))
    assert cluster.secrets.has("demo")
    assert cluster.history.run(1).outcome is RunOutcome.FAILED
    assert set(cluster.states(1).values()) == {"failed"}


def after_the_run(cluster: Cluster, seen: HostObservation) -> None:
    def show(line: str) -> None:
        cluster.converge(line)
        cluster.hosts.show(seen)

    cluster.journal.after = show


def test_what_is_left_on_a_host_fails_it(cluster: Cluster) -> None:
    trace = Trace(group="demo", what=("/var/lib/adbray/demo",))
    left = HostObservation(host="b", groups=("demo",), traces=(trace,))
    after_the_run(cluster, left)
    with pytest.raises(RunError, match="is left on b: /var/lib/adbray/demo") as caught:
        carry_out(cluster, prepare(cluster.tools, "demo"))
    assert caught.value.where == "b"
    assert cluster.secrets.has("demo")


def test_a_host_that_falls_silent_is_not_taken_for_an_empty_one(cluster: Cluster) -> None:
    after_the_run(cluster, HostObservation(host="b", error="no answer"))
    with pytest.raises(HostError, match="is not known: no answer") as caught:
        carry_out(cluster, prepare(cluster.tools, "demo"))
    assert caught.value.where == "b"
    assert cluster.secrets.has("demo")


def test_of_a_group_on_no_host_the_secrets_alone_go(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, stands=False)
    destroy(cluster.tools, prepare(cluster.tools, "demo"), lambda _: None)
    assert cluster.journal.lines == []
    assert not cluster.secrets.has("demo")


def test_a_retired_host_may_be_silent_and_is_named(tmp_path: Path, cluster: Cluster) -> None:
    cluster.hosts.show(HostObservation(host="c", error="no answer"))
    with pytest.raises(HostError, match="no answer"):
        prepare(cluster.tools, "demo")
    retired = FLEET.replace("10.0.0.3}", "10.0.0.3, retired: true}")
    (tmp_path / "fleet.yml").write_text(retired)
    found = prepare(cluster.tools, "demo")
    assert (found.silent, found.hosts) == (("c",), ("a", "b"))
