"""What is deleted goes, with consent, and nothing else does. Last, since the group is gone then."""

from __future__ import annotations

import re
import time

from tests.e2e.conftest import GROUP, Project
from tests.e2e.plans import actions, pids, unit

SLEEP = ("--no-wait", "--", "python", "-c", "import time;time.sleep(600)")


def test_a_worker_group_goes_alone(cluster: Project) -> None:
    path = cluster.directory / "groups" / f"{GROUP}.yml"
    text = path.read_text()
    path.write_text(re.sub(r"  - name: large\n(    .*\n)+", "", text))
    gone = {"large-0": "delete", "large-1": "delete"}
    assert actions(cluster) == {**gone, "head": "update"}, "its autoscaler goes on without them"
    before = pids(cluster)
    refused = cluster.adbray("apply", GROUP, "--yes")
    assert refused.code == 3
    assert pids(cluster) == before
    done = cluster.adbray("apply", GROUP, "--yes", "--force")
    assert done.code == 0, done.err
    after = pids(cluster)
    assert before.keys() - after.keys() == {unit("large-0"), unit("large-1")}
    assert after.items() <= before.items()
    assert cluster.on("lab3", f"ls /var/lib/adbray/{GROUP}").split() == ["small-0"]


def test_a_group_with_two_running_jobs_goes_by_force_alone(cluster: Project) -> None:
    for _ in range(2):
        cluster.ok("job", "submit", GROUP, *SLEEP)
    deadline = time.monotonic() + 60
    while [row["status"] for row in cluster.json("job", "list", GROUP)].count("RUNNING") < 2:
        assert time.monotonic() < deadline
        time.sleep(1)
    before = pids(cluster)
    for arguments in (("--yes",), ()):
        refused = cluster.adbray("destroy", GROUP, *arguments)
        assert refused.code == 3, refused.err
        assert refused.out.count("time.sleep(600)") == 2
        assert pids(cluster) == before
    gone = cluster.adbray("destroy", GROUP, "--yes", "--force")
    assert gone.code == 0, gone.err
    assert pids(cluster) == {}
