"""Which revision an upgrade may go to, and which a rollback goes back to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adbray_ctl.adapters.state.history_db import HistoryDb
from adbray_ctl.core.errors import RefusedError, UsageError
from adbray_ctl.core.history import RunOutcome, RunStart
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.services.revisions import previous, upgrade_notes

OK, FAILED = RunOutcome.SUCCEEDED, RunOutcome.FAILED


def history(tmp_path: Path, *runs: tuple[str, RunOutcome]) -> HistoryDb:
    """Runs of group g, oldest first: the spec of each, and how it ended."""
    found = HistoryDb(tmp_path / "history.db")
    for spec, outcome in runs:
        # The part before the hash is what is asked for; the rest is a comment.
        plan = json.dumps({"inputs": spec.partition("#")[0]})
        start = RunStart(
            group="g", command="apply", started_at=1.0, plan=plan, spec=spec, fleet="", nodes=()
        )
        found.end(found.begin(start), outcome, 2.0)
    return found


@pytest.mark.parametrize(
    ("runs", "number"),
    [
        ((("a", OK), ("b", OK)), 1),
        ((("a", OK), ("b", FAILED)), 1),
        ((("a", OK), ("b", OK), ("c", FAILED)), 2),
        ((("a", OK), ("b", FAILED), ("b", FAILED)), 1),
        ((("a", OK), ("b", OK), ("b#comment", OK)), 1),
        ((("a", OK), ("b", OK), ("a", OK)), 2),
        ((("a", FAILED), ("b", OK), ("c", OK)), 2),
    ],
)
def test_back_goes_to_the_last_good_run_of_another_spec(
    tmp_path: Path, runs: tuple[tuple[str, RunOutcome], ...], number: int
) -> None:
    assert previous(history(tmp_path, *runs), "g").number == number


def test_there_may_be_nothing_to_go_back_to(tmp_path: Path) -> None:
    for runs in ((), (("a", OK),), (("a", FAILED), ("b", OK)), (("a", OK), ("a", OK))):
        (tmp_path / "history.db").unlink(missing_ok=True)
        with pytest.raises(UsageError, match="no earlier revision"):
            previous(history(tmp_path, *runs), "g")


def test_back_to_a_run_by_number(tmp_path: Path) -> None:
    runs = history(tmp_path, ("a", OK), ("b", FAILED), ("c", OK))
    assert previous(runs, "g", 2).spec == "b"
    with pytest.raises(UsageError, match="run 9"):
        previous(runs, "g", 9)
    with pytest.raises(UsageError, match="of group g, not of other"):
        previous(runs, "other", 1)


def test_an_upgrade_goes_up() -> None:
    spec = RayClusterSpec.model_validate(
        {"kind": "RayCluster", "name": "g", "ray": {"version": "2.59.0"}, "worker_groups": []}
    )
    (clients,) = upgrade_notes(spec, "2.60.0")
    assert "clients" in clients
    with pytest.raises(RefusedError, match="older"):
        upgrade_notes(spec, "2.58.10")


def test_an_upgrade_to_a_vulnerable_version_says_so() -> None:
    spec = RayClusterSpec.model_validate(
        {"kind": "RayCluster", "name": "g", "ray": {"version": "2.54.0"}, "worker_groups": []}
    )
    assert any("CVE-2026-41486" in note for note in upgrade_notes(spec, "2.54.1"))
