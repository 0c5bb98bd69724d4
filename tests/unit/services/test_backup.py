"""A group in one file: what is taken, where it may be put, and what becomes of it there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from adbray_ctl.core.backup import Backup, Entry
from adbray_ctl.core.errors import ClusterError, RefusedError
from adbray_ctl.core.observed.ray import RayNode
from adbray_ctl.core.observed.status import SLOT_LABEL
from adbray_ctl.core.observed.units import KeeperState, KeeperView
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services.backup import fill, restore, save, take, unpack
from adbray_ctl.testing.console import FakeConsole
from tests.unit.cluster import NAMESPACE
from tests.unit.converging import CHANGED, GROUP, Cluster

WITH_STANDBY = GROUP.replace(
    "hosts: {names: [a]}}\nredis",
    "hosts: {names: [a, b]}, standby: 1, virtual_ip: 10.0.0.100}\nredis",
)
STATE = (Entry(key="@KV", kind="hash", values=("Zg==", "dg==")),)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    found = Cluster(tmp_path)
    found.state.entries["demo"] = STATE
    return found


def elsewhere(directory: Path) -> Cluster:
    """Another project, of hosts without the group."""
    directory.mkdir()
    found = Cluster(directory, stands=False)
    found.file.unlink()
    found.secrets.forget("demo")
    return found


def test_it_has_all_that_makes_the_group(cluster: Cluster) -> None:
    cluster.clock.at = 7
    found = take(cluster.tools, "demo")
    assert (found.made_at, found.group, found.namespace) == (7, "demo", NAMESPACE)
    assert (found.spec, found.entries, found.ray) == (GROUP, STATE, "2.60.0")
    assert found.secrets == cluster.secrets.load("demo")
    assert cluster.journal.lines == ["take state of demo on a"]


def test_it_is_taken_where_a_head_leads(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, text=WITH_STANDBY)
    seen = cluster.hosts.observed.host("b")
    leads = KeeperView(state=KeeperState.LEADS)
    slots = (
        slot.model_copy(update={"keeper": leads} if slot.record.slot == "standby-0" else {})
        for slot in seen.slots
    )
    cluster.hosts.show(seen.model_copy(update={"slots": tuple(slots)}))
    take(cluster.tools, "demo")
    assert cluster.journal.lines == ["take state of demo on b"]


def test_there_is_nothing_to_take_of_a_group_that_is_not_applied(tmp_path: Path) -> None:
    with pytest.raises(ClusterError) as caught:
        take(Cluster(tmp_path, stands=False).tools, "demo")
    assert caught.value.hint == "`adbray apply demo` makes it"


def test_it_becomes_the_group_on_other_hosts(cluster: Cluster, tmp_path: Path) -> None:
    backup = take(cluster.tools, "demo")
    there = elsewhere(tmp_path / "there")
    unpack(there.tools, there.project, backup)
    assert there.file.read_text() == GROUP
    assert there.secrets.load("demo") == backup.secrets
    assert there.journal.lines == [], "hosts are looked at and not changed"
    there.change(text=GROUP)
    there.journal.lines.clear()
    fill(there.tools, backup)
    assert there.journal.lines == [
        "stop adbray-head@demo.service",
        "put state of demo on a",
    ]
    assert there.state.entries["demo"] == STATE
    there.change(text=GROUP)
    assert there.states(2) == {"head": "done"}, "the head starts again, on the state"


def test_it_is_saved_restored_and_shown_once(cluster: Cluster, tmp_path: Path) -> None:
    there, console = elsewhere(tmp_path / "there"), FakeConsole()
    saved = save(cluster.tools, "demo", tmp_path / "b")
    there.archives.backups = cluster.archives.backups
    looks = len(there.hosts.asked)
    restored = restore(there.tools, there.project, tmp_path / "b", Consent(), console)
    assert restored == saved
    assert there.state.entries["demo"] == STATE
    assert [run.command for run in there.history.details] == ["restore", "restore"]
    assert (len(console.plans), len(console.statuses), console.asked) == (1, 1, [])
    assert console.statuses[0].ready
    assert there.hosts.observed.namespace("demo") == NAMESPACE
    before_lease = there.hosts.asked[looks : looks + 2]
    assert before_lease == [("a", "b", "c")] * 2, "unpacked and planned on one look, then the lease"


def list_past(there: Cluster, until_s: float) -> None:
    """Let Ray list a worker of the backup as alive, until its health checks have failed."""
    past = RayNode(
        node_id="past",
        address="10.0.0.2",
        alive=True,
        is_head=False,
        labels={SLOT_LABEL: "w-0"},
        started_at=-1.0,
    )

    def look(_: Sequence[str]) -> None:
        shown = (past,) if there.clock.at < until_s else ()
        for host in there.hosts.observed.hosts:
            views = [
                view.model_copy(
                    update={"nodes": (*shown, *(n for n in view.nodes if n.node_id != "past"))}
                )
                for view in host.ray
            ]
            there.hosts.show(host.model_copy(update={"ray": tuple(views)}))

    there.hosts.before_look = look


@pytest.mark.parametrize(
    ("until_s", "notes"),
    [
        pytest.param(17.0, [], id="given up"),
        pytest.param(
            9e9, ["Ray still lists nodes of the backup as alive: 10.0.0.2"], id="never given up"
        ),
    ],
)
def test_it_is_restored_when_ray_has_given_up_the_nodes_of_before(
    cluster: Cluster, tmp_path: Path, until_s: float, notes: list[str]
) -> None:
    there, console = elsewhere(tmp_path / "there"), FakeConsole()
    save(cluster.tools, "demo", tmp_path / "b")
    there.archives.backups = cluster.archives.backups
    list_past(there, until_s)
    restore(there.tools, there.project, tmp_path / "b", Consent(), console)
    assert min(until_s, 60) <= there.clock.at < 90
    assert [note for note in console.notes if "backup" in note] == notes


def test_a_standby_may_not_lead_while_the_state_is_put_there(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, text=WITH_STANDBY)
    backup = take(cluster.tools, "demo")
    cluster.journal.lines.clear()
    fill(cluster.tools, backup)
    stopped, put = cluster.journal.lines
    assert sorted(stopped.split()) == ["adbray-head@demo.service"] * 2 + ["stop"]
    assert put == "put state of demo on a"


def test_without_a_head_there_is_nothing_to_fill(cluster: Cluster, tmp_path: Path) -> None:
    backup = take(cluster.tools, "demo")
    there = elsewhere(tmp_path / "there")
    unpack(there.tools, there.project, backup)
    with pytest.raises(ClusterError, match="no host has its head"):
        fill(there.tools, backup)


def test_a_group_that_stands_is_not_replaced(cluster: Cluster) -> None:
    backup = take(cluster.tools, "demo")
    known = cluster.secrets.load("demo")
    other = backup.model_copy(update={"secrets": known.model_copy(update={"token": "other"})})
    with pytest.raises(RefusedError, match="the group stands on a, b, c"):
        unpack(cluster.tools, cluster.project, other)
    assert cluster.secrets.load("demo") == known


@pytest.mark.parametrize(("text", "fits"), [(GROUP, True), (CHANGED, False)])
def test_a_file_that_is_there_has_to_be_the_same(
    cluster: Cluster, tmp_path: Path, text: str, *, fits: bool
) -> None:
    backup: Backup = take(cluster.tools, "demo")
    there = elsewhere(tmp_path / "there")
    there.file.write_text(text)
    if fits:
        unpack(there.tools, there.project, backup)
    else:
        with pytest.raises(RefusedError, match="is not what was backed up"):
            unpack(there.tools, there.project, backup)
    assert there.file.read_text() == text
    assert there.secrets.has("demo") is fits
