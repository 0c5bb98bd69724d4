"""A file that a command edits: it stays edited where nodes were changed, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import HostError, RefusedError, RunError, UsageError
from adbray_ctl.core.placement.topology import Replacement
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services.change import Change
from adbray_ctl.services.replace import replace
from adbray_ctl.services.revisions import rollback, upgrade
from adbray_ctl.services.scale import Bounds, scale
from adbray_ctl.testing.console import FakeConsole
from tests.unit.converging import CHANGED, FLEET, GROUP, Cluster

FORCE = Consent(yes=True, force=True)
NOTE = "nothing was changed, and groups/demo.yml is as it was"
BREAKS = "run site worker_disk ray_worker on c for x-1"


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


def move(cluster: Cluster, console: FakeConsole, consent: Consent = FORCE) -> None:
    """What is on host c goes to a new host d."""
    replacing = Replacement(old="c", new="d")
    replace(cluster.tools, cluster.project, replacing, "10.0.0.4", consent, console)


def test_a_replacement_that_finds_no_new_host_puts_the_fleet_back(cluster: Cluster) -> None:
    fleet, console = cluster.file.parents[1] / "fleet.yml", FakeConsole()
    with pytest.raises(HostError, match="not observed"):
        move(cluster, console)
    assert fleet.read_text() == FLEET
    assert console.notes == ["nothing was changed, and fleet.yml is as it was"]
