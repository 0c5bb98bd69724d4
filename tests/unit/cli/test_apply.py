"""What an apply asks before something is lost, and how far it goes without an answer."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from adbray_ctl.cli import console
from adbray_ctl.cli.commands.apply import apply
from adbray_ctl.cli.state import State
from adbray_ctl.core.errors import RefusedError, RunError
from adbray_ctl.core.plan.consent import Consent, open_question
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.unit.cluster import applied, placed, planned
from tests.unit.converging import CHANGED, Cluster


class Terminal(io.StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        return True


def deleting() -> ChangePlan:
    """A plan that deletes a worker group that runs."""
    hosts = ({"name": "a", "address": "10.0.0.1"}, {"name": "b", "address": "10.0.0.2"})
    fleet = Fleet.model_validate({"kind": "Fleet", "hosts": hosts})
    workers = ({"name": "w", "size": "small"}, {"name": "x", "size": "small"})
    keys = {"kind": "RayCluster", "name": "demo"}
    before = RayClusterSpec.model_validate(keys | {"worker_groups": workers})
    after = RayClusterSpec.model_validate(keys | {"worker_groups": workers[:1]})
    return planned(fleet, after, applied(fleet, before, placed(fleet, before)))


def _ask(plan: ChangePlan, consent: Consent, *, production: bool) -> None:
    question = open_question(plan, consent, production=production)
    if question is not None:
        console.Terminal().confirm(question)


@pytest.mark.parametrize(("production", "typed"), [(False, "y"), (True, "demo")])
def test_what_is_lost_is_agreed_to(
    monkeypatch: pytest.MonkeyPatch, typed: str, *, production: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    _ask(deleting(), Consent(), production=production)


@pytest.mark.parametrize(("production", "typed"), [(False, "n"), (True, "y")])
def test_what_is_lost_is_not_agreed_to(
    monkeypatch: pytest.MonkeyPatch, typed: str, *, production: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    with pytest.raises(RefusedError, match="not confirmed"):
        _ask(deleting(), Consent(), production=production)


def test_force_covers_a_production_group_too() -> None:
    _ask(deleting(), Consent(yes=True, force=True), production=True)
    with pytest.raises(RefusedError, match="--yes does not cover"):
        _ask(deleting(), Consent(yes=True), production=True)


def run(cluster: Cluster, *options: str) -> None:
    cluster.file.write_text(CHANGED)
    state = State(directory=cluster.file.parents[1])
    vars(state)["tools"] = cluster.tools
    apply.main(args=["demo", *options], obj=state, standalone_mode=False)


ALL = ["w-0", "w-1", "w-2", "x-0", "x-1"]


@pytest.mark.parametrize(
    ("typed", "changed"),
    [
        ("y y y", ALL),
        ("y n", ["w-0"]),
        ("y y n", ["w-0", "w-1", "w-2", "x-0"]),
    ],
)
def test_after_each_canary_it_asks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    changed: list[str],
) -> None:
    cluster = Cluster(tmp_path)
    monkeypatch.setattr(sys, "stdin", Terminal(typed.replace(" ", "\n") + "\n"))
    if changed == ALL:
        run(cluster, "--canary", "1")
    else:
        with pytest.raises(RefusedError, match="stopped after the canary"):
            run(cluster, "--canary", "1")
    assert cluster.changed == changed
    assert "restart w-0 (w, canary): done. Go on with the rest?" in capsys.readouterr().out


def test_a_yes_given_before_is_no_yes_to_what_a_canary_showed(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    with pytest.raises(RefusedError, match="4 steps were not begun"):
        run(cluster, "--canary", "1", "--yes")
    assert cluster.changed == ["w-0"]
    # The next one goes on with a canary of what is left, or without one with all of it.
    run(cluster, "--yes")
    assert cluster.changed == ALL


def test_nothing_is_begun_without_a_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(tmp_path)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    with pytest.raises(RefusedError, match="not confirmed"):
        run(cluster, "--canary", "1")
    assert cluster.journal.lines == ["lock apply demo"]
    assert cluster.history.details == []


@pytest.mark.parametrize(
    ("options", "changed"),
    [((), ["w-0", "w-1"]), (("--keep-going",), ["w-0", "w-1", "x-0", "x-1"])],
)
def test_a_failed_batch_ends_the_run_or_its_worker_group_alone(
    tmp_path: Path, options: tuple[str, ...], changed: list[str]
) -> None:
    cluster = Cluster(tmp_path)
    cluster.breaks("w-1")
    with pytest.raises(RunError):
        run(cluster, "--yes", *options)
    assert cluster.changed == changed


def test_it_holds_lock_and_lease_meanwhile_and_neither_afterwards(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    held: list[tuple[str, str | None]] = []

    def look(line: str) -> None:
        cluster.converge(line)
        fleet = cluster.specs.fleet()
        held.append((cluster.lock.held, cluster.lease.holder(fleet, "a", "demo")))

    cluster.journal.after = look
    run(cluster, "--yes")
    assert cluster.journal.lines[:2] == ["lock apply demo", "lease demo on a"]
    assert set(held[1:]) == {("apply demo", "here: apply demo")}
    assert (cluster.lock.held, cluster.lease.holders) == ("", {})


def test_a_group_that_another_changes_is_left_alone(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.lease.holders["a", "demo"] = ("there", "there: upgrade demo")
    with pytest.raises(RefusedError, match="is being changed by there: upgrade demo"):
        run(cluster, "--yes")
    assert (cluster.changed, cluster.history.details) == ([], [])


def test_what_moved_while_the_question_stood_is_not_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at once more under the lease."""
    cluster = Cluster(tmp_path)

    def moves(line: str) -> None:
        if line.startswith("lease"):
            cluster.hosts.set_units("b", {"adbray-worker@demo.w-2.service"}, "inactive")

    cluster.journal.after = moves
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    with pytest.raises(RefusedError, match="this plan was made for another state") as caught:
        run(cluster)
    assert "w-2@b: was" in caught.value.what
    assert cluster.changed == []
