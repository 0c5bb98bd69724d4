"""Changes of a running cluster: shown first, then made in order, and nothing else is touched."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.conftest import E2E_JOBS, GROUP, REPOSITORY, Project
from tests.e2e.plans import actions, edit, pids, unit


def small(cluster: Project) -> tuple[str, str]:
    """The worker of ``small`` that runs, whichever that is, and its host."""
    slots = cluster.status()["slots"]
    found = [s for s in slots if s["worker_group"] == "small" and s["state"] == "running"]
    return found[0]["slot"], found[0]["host"]


@contextmanager
def applying(cluster: Project, *options: str) -> Iterator[subprocess.Popen[str]]:
    """An apply in the background; it is killed if it still runs at the end."""
    command = [sys.executable, "-m", "adbray_ctl", "-C", str(cluster.directory), "apply", GROUP]
    process = subprocess.Popen(
        [*command, "--yes", "--force", *options],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_an_applied_group_has_an_empty_plan(cluster: Project) -> None:
    assert cluster.adbray("plan", "--exit-code").code == 0
    assert actions(cluster) == {}
    (plan,) = cluster.json("plan", GROUP)
    assert all(change["reason"] for change in plan["changes"])
    assert plan["steps"] == []


def test_numbers_of_workers_touch_no_process(cluster: Project) -> None:
    # What other tests asked for is idle by now, and stopped after a while.
    _until(lambda: len(_of_small(cluster)) == 1)
    before = pids(cluster)
    edit(cluster, r"max_workers: 2( .*?)\n", r"max_workers: 3\1\n")
    assert cluster.adbray("plan", "--exit-code").code == 4
    assert actions(cluster) == {"head": "update", "small-2": "update"}
    cluster.ok("apply", GROUP)
    assert pids(cluster) == before
    cluster.ok("scale", GROUP, "small", "--min", "2")
    assert re.search(r"min_workers: 2 +# always running", _spec_text(cluster))
    after = pids(cluster)
    assert len(after.keys() - before.keys()) == 1
    assert before.items() <= after.items()
    assert len(_of_small(cluster)) == 2


def test_a_lower_maximum_removes_the_surplus_alone(cluster: Project) -> None:
    before, text = pids(cluster), _spec_text(cluster)
    scale = ("scale", GROUP, "small", "--min", "1", "--max", "1", "--yes")
    refused = cluster.adbray(*scale)
    assert refused.code == 3
    assert "--force" in refused.err
    assert _spec_text(cluster) == text
    assert pids(cluster) == before
    applied = cluster.adbray(*scale, "--force")
    assert applied.code == 0, applied.err
    assert "draining small-1" in applied.err
    after = pids(cluster)
    assert before.keys() - after.keys() == {unit("small-1")}
    assert after.items() <= before.items()
    # As the other tests know it.
    cluster.ok("scale", GROUP, "small", "--max", "2")


def test_a_group_rolls_under_a_job_that_ends_well(cluster: Project) -> None:
    before = pids(cluster)
    jobs: list[str] = []
    submit = ("job", "submit", GROUP, "--working-dir", str(E2E_JOBS), "--", "python", "chain.py")
    job = threading.Thread(target=lambda: jobs.append(cluster.ok(*submit)))
    job.start()
    edit(cluster, r"(name: large\n)", r"\1    labels: {tier: gold}\n")
    # The job is named from the moment that Ray tells of its first tasks on these workers.
    _until(lambda: "chain.py" in cluster.ok("plan", GROUP))
    assert "worker_groups.large.labels.tier: none -> gold" in cluster.ok("plan", GROUP)
    began = time.time()
    with applying(cluster) as process:
        alive = _sample(cluster, process)
        assert process.returncode == 0
    assert min(alive) == 1, "one at a time"
    # The workers' and the head's, which knows them; small and Redis are elsewhere.
    assert _touched(cluster, began) == {"lab3", cluster.slot("head")["host"]}
    after = pids(cluster)
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {unit("large-0"), unit("large-1")}
    job.join(120)
    assert "sum 19900" in jobs[0]


def test_a_plan_is_for_the_state_it_was_made_for(cluster: Project, tmp_path: Path) -> None:
    edit(cluster, r"tier: gold", "tier: silver")
    saved = tmp_path / "plan.json"
    cluster.ok("plan", GROUP, "-o", str(saved))
    name, host = small(cluster)
    cluster.ok("drain", GROUP, name, "--yes")
    refused = cluster.adbray("apply", "--plan", str(saved), "--yes", "--force")
    assert refused.code == 3
    assert f"{name}@{host}" in refused.err
    assert "is" in refused.err
    edit(cluster, r"tier: silver", "tier: gold")
    other = cluster.adbray("apply", "--plan", str(saved), "--yes", "--force")
    assert other.code == 3
    assert "asks for something else" in other.err


def test_drift_is_named_and_mended_alone(cluster: Project) -> None:
    service = f"/etc/systemd/system/{unit('large-0')}"
    cluster.on("lab3", f"echo '# by hand' >> {service}")
    disk = f"/var/lib/adbray/{GROUP}/large-1"
    cluster.on("lab3", f"umount --lazy {disk}")
    (plan,) = cluster.json("plan", GROUP)
    drift = {c["node"]: c["reason"] for c in plan["changes"] if c["action"] != "keep"}
    (drained,) = drift.keys() - {"large-0", "large-1"}
    assert "it is held back from the autoscaler" in drift[drained], "by the test before"
    assert f"{service} was edited" in drift["large-0"]
    assert f"{disk} is not mounted" in drift["large-1"]
    before = pids(cluster)
    cluster.ok("apply", GROUP, "--yes", "--force")
    after = pids(cluster)
    assert cluster.status()["ready"]
    assert actions(cluster) == {}
    untouched = {f"adbray-head@{GROUP}.service", f"adbray-redis@{GROUP}.service"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_two_operators_and_a_killed_one(cluster: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other", cluster.addresses)
    shutil.copytree(
        cluster.directory,
        other.directory,
        ignore=shutil.ignore_patterns("lab", "identity", "lock", "runs"),
    )
    key = cluster.directory / ".adbray" / "lab" / "id_ed25519"
    fleet = other.directory / "fleet.yml"
    fleet.write_text(fleet.read_text().replace(".adbray/lab/id_ed25519", str(key)))
    for project in (cluster, other):
        edit(project, r"tier: gold", "tier: bronze")
    with applying(cluster) as process:
        _until(lambda: other.adbray("unlock", GROUP).code == 3, within_s=60)
        refused = other.adbray("apply", GROUP, "--yes", "--force")
        assert refused.code == 3
        assert re.search(r"is being changed by \S+@\S+, pid \d+: apply", refused.err)
        process.send_signal(signal.SIGKILL)
    # Its own lease does not keep the same project out, and what remains is done.
    again = cluster.adbray("apply", GROUP, "--yes", "--force")
    assert again.code == 0, again.err
    assert actions(cluster) == {}
    assert cluster.status()["ready"]


def test_restart_and_drain_touch_what_they_name(cluster: Project) -> None:
    before = pids(cluster)
    cluster.ok("restart", GROUP, "large-0", "--yes")
    after = pids(cluster)
    assert {name for name in before if before[name] != after[name]} == {unit("large-0")}
    name, _ = small(cluster)
    cluster.ok("drain", GROUP, name, "--yes")
    assert unit(name) not in pids(cluster)
    _until(lambda: actions(cluster) == {name: "update"})  # another is there in its place
    cluster.ok("apply", GROUP)
    unknown = cluster.adbray("restart", GROUP, "nosuch", "--yes")
    assert unknown.code == 2
    assert "large-0" in unknown.err


def test_the_history_tells_it_all(cluster: Project) -> None:
    runs = cluster.json("history")
    outcomes = {(run["command"], run["outcome"]) for run in runs}
    assert ("apply", "interrupted") in outcomes, "by kill -9"
    assert {("apply", "succeeded"), ("scale", "succeeded"), ("restart", "succeeded")} <= outcomes
    broken = next(run for run in runs if run["outcome"] == "interrupted")
    shown = cluster.ok("history", "show", str(broken["number"]), "--json")
    assert '"state": "done"' not in shown or '"state": "running"' in shown
    assert cluster.secret("token") not in shown


def test_running_jobs_guard_a_group(cluster: Project) -> None:
    sleep = (
        "job",
        "submit",
        GROUP,
        "--no-wait",
        "--",
        "python",
        "-c",
        "import time;time.sleep(99)",
    )
    cluster.ok(*sleep)
    _until(lambda: "RUNNING" in {row["status"] for row in cluster.json("job", "list", GROUP)})
    refused = cluster.adbray("destroy", GROUP, "--yes")
    assert refused.code == 3
    assert "time.sleep(99)" in refused.out
    assert "--force" in refused.err
    for job in cluster.json("job", "list", GROUP):
        if job["status"] == "RUNNING":
            cluster.ok("job", "stop", GROUP, job["id"])


def _of_small(cluster: Project) -> list[str]:
    return [name for name in pids(cluster) if ".small-" in name]


def _spec_text(cluster: Project) -> str:
    return (cluster.directory / "groups" / f"{GROUP}.yml").read_text()


def _sample(cluster: Project, process: subprocess.Popen[str]) -> list[int]:
    """How many workers of ``large`` Ray had, as often as could be asked until the end."""
    head = cluster.slot("head")
    ask = (
        f'curl -s -H "Authorization: Bearer $(cat /etc/adbray/{GROUP}/token)"'
        f" 'http://{head['address']}:8265/api/v0/nodes?detail=1&filter_keys=state"
        "&filter_predicates=%3D&filter_values=ALIVE' | "
        'grep -o \'"adbray.io/slot": "large\' | wc -l'
    )
    counts = []
    while process.poll() is None:
        counts.append(int(cluster.on(head["host"], ask)))
        time.sleep(0.3)
    return counts


def _until(condition: Callable[[], bool], within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s"
        time.sleep(1)


def _touched(cluster: Project, since: float) -> set[str]:
    """The hosts that tasks of Ansible ran on, in the runs that began since then."""
    runs = (cluster.directory / ".adbray" / "runs").rglob("job_events")
    new = [run for run in runs if run.stat().st_mtime >= since]
    events = [
        json.loads(one.read_text())["event_data"] for run in new for one in run.glob("*.json")
    ]
    return {event["host"] for event in events if "host" in event}
