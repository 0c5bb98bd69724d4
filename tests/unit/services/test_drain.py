"""Drain and restart by hand: which nodes are meant, what is asked, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import RefusedError, UsageError
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services.drain import drain
from adbray_ctl.services.restart import restart
from adbray_ctl.testing.console import FakeConsole
from tests.unit.converging import CHANGED, Cluster

YES, FORCE = Consent(yes=True), Consent(yes=True, force=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_workers_are_drained_held_back_and_on_record(cluster: Cluster) -> None:
    console = FakeConsole(["yes"])
    drain(cluster.tools, "demo", ("x",), None, Consent(), console)
    assert console.asked == ["Drain and stop x-0, x-1?"]
    assert console.shown == ["stopped x-0, x-1 after 0.0 s"]
    assert cluster.journal.lines == [
        "lock drain demo",
        "lease demo on a",
        "hold demo x-0 x-1",
        "drain id-x-0 id-x-1",
        "stop adbray-worker@demo.x-0.service adbray-worker@demo.x-1.service",
    ]
    assert cluster.nodes.held == {("demo", "x-0", "c"), ("demo", "x-1", "c")}
    assert cluster.states(1) == {"x-0": "done", "x-1": "done"}
    assert (cluster.lock.held, cluster.lease.holders) == ("", {})


def test_the_name_of_a_production_group_is_typed(cluster: Cluster) -> None:
    cluster.file.write_text(f"production: true\n{cluster.file.read_text()}")
    with pytest.raises(RefusedError, match="not confirmed"):
        drain(cluster.tools, "demo", ("x-0",), None, Consent(), FakeConsole(["yes"]))
    assert cluster.history.details == []
    drain(cluster.tools, "demo", ("x-0",), None, Consent(), FakeConsole(["demo"]))
    assert cluster.states(1) == {"x-0": "done"}


@pytest.mark.parametrize(
    ("name", "what"),
    [("head", "only workers can be drained"), ("y-0", "node or worker group 'y-0'")],
)
def test_what_is_not_a_worker_is_not_drained(cluster: Cluster, name: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        drain(cluster.tools, "demo", (name,), None, YES, FakeConsole())
    assert cluster.history.details == []


def test_the_named_are_restarted_and_no_other(cluster: Cluster) -> None:
    restart(cluster.tools, "demo", ("w",), YES, FakeConsole())
    assert cluster.changed == ["w-0", "w-1", "w-2"]
    assert cluster.history.run(1).command == "restart"


def test_a_restart_makes_no_other_change(cluster: Cluster) -> None:
    cluster.file.write_text(CHANGED)
    with pytest.raises(RefusedError, match="asks for other changes as well: "):
        restart(cluster.tools, "demo", ("w-0",), FORCE, FakeConsole())
    with pytest.raises(UsageError, match="node or worker group 'y'"):
        restart(cluster.tools, "demo", ("y",), FORCE, FakeConsole())
    assert (cluster.changed, cluster.lock.held) == ([], "")
