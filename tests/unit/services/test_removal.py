"""Orphans are removed: all are asked about first, and what was not agreed to stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import HostError, RefusedError
from adbray_ctl.core.observed.hosts import HostObservation, Trace
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services.destroy import destroy_group
from adbray_ctl.services.removal import remove
from adbray_ctl.testing.console import FakeConsole
from tests.unit.converging import Cluster

YES, FORCE = Consent(yes=True), Consent(yes=True, force=True)
NOTHING = "no orphans to remove"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """The group stands, and its file is gone."""
    found = Cluster(tmp_path)
    for name in "abc":
        seen = found.hosts.observed.host(name)
        trace = Trace(group="demo", what=("/etc/adbray/demo",))
        found.hosts.show(seen.model_copy(update={"traces": (trace,)}))
    found.file.unlink()
    return found


def test_a_group_without_a_file_goes_with_force(cluster: Cluster) -> None:
    console = FakeConsole()
    remove(cluster.tools, (), FORCE, console)
    assert console.shown[-1].startswith("destroyed demo in ")
    assert cluster.journal.of("run") == ["run delete"]
    assert cluster.history.run(1).command == "destroy"
    again = FakeConsole()
    remove(cluster.tools, (), FORCE, again)
    assert again.shown == [NOTHING]


@pytest.mark.parametrize(("consent", "answers"), [(YES, []), (Consent(), []), (YES, ["demo"])])
def test_what_runs_and_was_made_elsewhere_stays(
    cluster: Cluster, consent: Consent, answers: list[str]
) -> None:
    console = FakeConsole(answers)
    with pytest.raises(RefusedError, match="not removed, as it runs or was not made from"):
        remove(cluster.tools, (), consent, console)
    assert console.asked == []
    assert cluster.journal.of("run") == []


def test_its_name_is_typed(cluster: Cluster) -> None:
    with pytest.raises(RefusedError, match="not confirmed"):
        remove(cluster.tools, (), Consent(), FakeConsole(["yes"]))
    assert cluster.journal.of("run") == []
    remove(cluster.tools, ("demo",), Consent(), FakeConsole(["demo"]))
    assert cluster.journal.of("run") == ["run delete"]


def test_hosts_are_looked_at_once_to_ask_and_once_to_remove(cluster: Cluster) -> None:
    looks = len(cluster.hosts.asked)
    console = FakeConsole(["demo"])
    asked: list[int] = []
    console.before_answer = lambda _: asked.append(len(cluster.hosts.asked) - looks)
    remove(cluster.tools, (), Consent(), console)
    assert asked == [1]
    assert cluster.hosts.asked[looks + 1] == ("a", "b", "c")


def test_while_a_host_is_silent_nothing_is_removed(cluster: Cluster) -> None:
    cluster.hosts.show(HostObservation(host="c", error="no answer"))
    with pytest.raises(HostError, match="not everything could be looked at:\nc: no answer"):
        remove(cluster.tools, (), FORCE, FakeConsole())
    assert cluster.journal.of("run") == []


def test_a_group_is_destroyed_once_its_name_is_typed(cluster: Cluster) -> None:
    with pytest.raises(RefusedError, match="not confirmed"):
        destroy_group(cluster.tools, "demo", Consent(), FakeConsole(["yes"]))
    assert cluster.history.details == []
    console = FakeConsole(["demo"])
    destroy_group(cluster.tools, "demo", Consent(), console)
    assert console.shown[0].startswith("group demo: 7 slots on a, b, c")
    assert console.shown[1].startswith("destroyed demo in ")
    assert cluster.journal.lines[-2:] == ["lease demo on a", "run delete"]
    assert not cluster.secrets.has("demo")
    destroy_group(cluster.tools, "demo", Consent(), console)
    assert console.shown[-1] == "group demo is on no host; nothing to remove"
