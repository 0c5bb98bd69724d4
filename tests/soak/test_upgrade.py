"""Another Ray version: tried first, taken up by all nodes, and given up again."""

from __future__ import annotations

import sys
import time

from tests.e2e.conftest import E2E_JOBS, GROUP, Project
from tests.e2e.plans import actions, edit, pids

OLD, NEW = "2.59.0", "2.60.0"
RAYLET = (
    f"/opt/adbray/ray-{NEW}-py3.11-*/lib/python3.11/site-packages/ray/core/src/ray/raylet/raylet"
)


def keeper(cluster: Project, verb: str) -> str:
    """Ray's version, as a detached actor on a worker sees it."""
    submit = ("job", "submit", GROUP, "--working-dir", str(E2E_JOBS), "--")
    out = cluster.ok(*submit, "python", "keeper.py", verb)
    return next(line.split()[1] for line in out.splitlines() if line.startswith("ray "))


def test_upgrade_and_rollback(cluster: Project) -> None:
    edit(cluster, NEW, OLD)
    older = cluster.adbray("apply", GROUP, "--yes", "--force")
    assert older.code == 0, older.err
    assert keeper(cluster, "make") == OLD
    _a_failing_trial_stops_it(cluster)
    seconds = {}
    for command in (("upgrade", GROUP, "--ray", NEW), ("rollback", GROUP), ("rollback", GROUP)):
        began = time.monotonic()
        done = cluster.adbray(*command, "--yes", "--force")
        took = time.monotonic() - began
        assert done.code == 0, done.err
        assert "Ensure the archive" not in done.err, "nothing is downloaded"
        assert actions(cluster) == {}
        version = keeper(cluster, "ask")
        seconds[version] = took
        sys.stderr.write(f"{command[0]} to {version}: {took:.1f} s, detached actor restarted\n")
    assert seconds.keys() == {OLD, NEW}
    assert seconds[OLD] < 60
    newest = cluster.json("history")[0]
    assert (newest["command"], newest["outcome"]) == ("rollback", "succeeded")


def _a_failing_trial_stops_it(cluster: Project) -> None:
    before = pids(cluster)
    text = (cluster.directory / "groups" / f"{GROUP}.yml").read_text()
    cluster.on("lab3", f"for f in {RAYLET}; do mv $f $f.away; done")
    refused = cluster.adbray("upgrade", GROUP, "--ray", NEW, "--yes", "--force")
    cluster.on("lab3", f"for f in {RAYLET}.away; do mv $f ${{f%.away}}; done")
    assert refused.code == 1
    assert "lab3" in refused.err
    assert "trial" in refused.err
    assert pids(cluster) == before
    assert (cluster.directory / "groups" / f"{GROUP}.yml").read_text() == text
    assert actions(cluster) == {}
