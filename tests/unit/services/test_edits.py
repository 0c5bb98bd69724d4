"""A file that a command edits: it stays edited where nodes were changed, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import HostError, RefusedError, RunError, UsageError
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.placement.topology import Replacement
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services.change import Change
from adbray_ctl.services.replace import Found, replace
from adbray_ctl.services.revisions import rollback, upgrade
from adbray_ctl.services.scale import Bounds, scale
from adbray_ctl.testing.console import FakeConsole
from tests.unit.converging import CHANGED, FLEET, GROUP, ROOMY, Cluster

FORCE = Consent(yes=True, force=True)
NOTE = "nothing was changed, and groups/demo.yml is as it was"
# The workers of x go where the label is, and a new host takes over that of the old one.
RACKED = FLEET.replace("address: 10.0.0.3}", "address: 10.0.0.3, labels: {rack: r}}")
MOVABLE = GROUP.replace("hosts: {names: [c]}", "hosts: {labels: {rack: r}}")


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def fewer(cluster: Cluster, console: FakeConsole, consent: Consent = FORCE) -> None:
    """One worker of x is to go."""
    bounds = Bounds(least=1, most=1)
    scale(cluster.tools, cluster.project, "demo", "x", bounds, consent, console)


def test_bounds_are_set_and_applied(cluster: Cluster) -> None:
    console = FakeConsole()
    fewer(cluster, console)
    assert "name: x, size: tiny, min_workers: 1, max_workers: 1" in cluster.file.read_text()
    assert cluster.history.run(1).command == "scale"
    assert (cluster.journal.lines[0], console.notes) == ("lock scale demo", [])


def test_a_no_puts_the_file_back(cluster: Cluster) -> None:
    console = FakeConsole(["no"])
    with pytest.raises(RefusedError, match="not confirmed"):
        fewer(cluster, console, Consent())
    assert (cluster.file.read_text(), console.notes) == (GROUP, [NOTE])
    assert (cluster.history.details, cluster.lock.held) == ([], "")


def test_an_interrupted_question_puts_the_file_back(cluster: Cluster) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    console = FakeConsole(["yes"], before_answer=interrupt)
    with pytest.raises(KeyboardInterrupt):
        fewer(cluster, console, Consent())
    assert (cluster.file.read_text(), console.notes) == (GROUP, [NOTE])


def test_a_lease_that_another_holds_puts_the_file_back(cluster: Cluster) -> None:
    cluster.lease.holders["a", "demo"] = ("there", "there: apply demo")
    with pytest.raises(RefusedError, match="is being changed by"):
        fewer(cluster, FakeConsole())
    assert cluster.file.read_text() == GROUP


@pytest.mark.parametrize("error", [RunError("task X failed", where="c"), KeyboardInterrupt()])
def test_where_nodes_were_being_changed_the_file_stays(
    cluster: Cluster, error: BaseException
) -> None:
    def fail(line: str) -> None:
        if line.startswith(("stop", "run")):
            raise error

    cluster.journal.after = fail
    console = FakeConsole()
    with pytest.raises(type(error)):
        fewer(cluster, console)
    assert "max_workers: 1" in cluster.file.read_text()
    assert console.notes == []


@pytest.mark.parametrize(
    ("worker_group", "bounds", "what"),
    [
        ("x", Bounds(least=None, most=None), "nothing to change"),
        ("nosuch", Bounds(least=1, most=None), "there is no worker group 'nosuch' in group demo"),
        ("x", Bounds(least=5, most=2), "--min 5 and --max 2 cannot be set"),
    ],
)
def test_bounds_that_cannot_be_never_reach_the_file(
    cluster: Cluster, worker_group: str, bounds: Bounds, what: str
) -> None:
    looks = len(cluster.hosts.asked)
    console = FakeConsole()
    with pytest.raises(UsageError, match=what):
        scale(cluster.tools, cluster.project, "demo", worker_group, bounds, FORCE, console)
    assert cluster.file.read_text() == GROUP
    assert len(cluster.hosts.asked) == looks


def test_an_upgrade_downwards_is_refused_and_leaves_the_file(cluster: Cluster) -> None:
    wanted, console = Change(group="demo", command="upgrade", canary=1), FakeConsole()
    with pytest.raises(RefusedError, match="is older than the group's"):
        upgrade(cluster.tools, cluster.project, wanted, "2.59.0", FORCE, console)
    assert (cluster.file.read_text(), console.notes) == (GROUP, [NOTE])


def test_a_rollback_that_is_refused_leaves_the_file(cluster: Cluster) -> None:
    cluster.change(text=GROUP.replace('X: "1"', 'X: "0"'))
    cluster.change(text=CHANGED)
    console = FakeConsole(["no"])
    with pytest.raises(RefusedError, match="not confirmed"):
        rollback(cluster.tools, cluster.project, "demo", None, Consent(), console)
    assert (cluster.file.read_text(), console.notes) == (
        CHANGED,
        ["back to the spec of run 1", NOTE],
    )
    rollback(cluster.tools, cluster.project, "demo", None, FORCE, console)
    assert 'X: "0"' in cluster.file.read_text()


def move(cluster: Cluster, console: FakeConsole, consent: Consent = FORCE) -> Found:
    """What is on host c goes to a new host d."""
    replacing = Replacement(old="c", new="d")
    return replace(cluster.tools, cluster.project, replacing, "10.0.0.4", consent, console)


@pytest.fixture
def spare(tmp_path: Path) -> Cluster:
    """Host c is silent, and d could have its workers."""
    found = Cluster(tmp_path, text=MOVABLE, fleet=RACKED)
    silent = HostObservation(host="c", error="no answer")
    hosts = [silent if one.host == "c" else one for one in found.hosts.observed.hosts]
    found.hosts.observed = Observed(hosts=(*hosts, HostObservation(host="d", facts=ROOMY)))
    return found


def fleet_of(cluster: Cluster) -> str:
    return (cluster.file.parents[1] / "fleet.yml").read_text()


def test_a_replacement_that_finds_no_new_host_puts_the_fleet_back(cluster: Cluster) -> None:
    console = FakeConsole()
    with pytest.raises(HostError, match="not observed"):
        move(cluster, console)
    assert fleet_of(cluster) == FLEET
    assert console.notes == ["nothing was changed, and fleet.yml is as it was"]


def test_a_silent_host_is_given_up_after_a_question(spare: Cluster) -> None:
    console = FakeConsole(["no"])
    with pytest.raises(RefusedError, match="not confirmed"):
        move(spare, console, Consent())
    assert console.asked[0].startswith("Host c gives no answer. Its nodes (demo) are made again")
    assert (fleet_of(spare), spare.history.details) == (RACKED, [])


def test_a_host_that_is_replaced_is_retired_and_stays_so(spare: Cluster) -> None:
    looks = len(spare.hosts.asked)
    leases: list[int] = []

    def note(line: str) -> None:
        if line.startswith("lease"):
            leases.append(len(spare.hosts.asked) - looks)
        spare.converge(line)

    spare.journal.after = note
    found = move(spare, FakeConsole())
    assert (found.silent, found.groups) == (True, ("demo",))
    assert "retired: true" in fleet_of(spare)
    assert "{name: d, address: 10.0.0.4, labels: {rack: r}}" in fleet_of(spare)
    assert spare.history.run(1).command == "replace"
    assert {one.node: one.host for one in spare.history.run(1).nodes}["x-0"] == "d"
    assert leases == [1], "found and planned on one look"


def test_a_replacement_that_broke_off_leaves_the_host_retired(spare: Cluster) -> None:
    def fail(line: str) -> None:
        if line.startswith("run site"):
            raise KeyboardInterrupt

    spare.journal.after = fail
    with pytest.raises(KeyboardInterrupt):
        move(spare, FakeConsole())
    assert "retired: true" in fleet_of(spare)
