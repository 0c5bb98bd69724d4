"""The one flow of a change: what is asked and when, under which lease, and what stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import HostError, RefusedError, RunError
from adbray_ctl.core.history import RunOutcome
from adbray_ctl.core.observed.ray import RayJob, RayLoad
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services.change import Change, apply_groups, change
from adbray_ctl.testing.console import FakeConsole
from tests.unit.converging import CHANGED, Cluster

YES, FORCE = Consent(yes=True), Consent(yes=True, force=True)
ALL = ["w-0", "w-1", "w-2", "x-0", "x-1"]
QUESTION = "5 running nodes are interrupted and what runs there is lost. Go on?"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    found = Cluster(tmp_path)
    found.file.write_text(CHANGED)
    return found


def run(cluster: Cluster, console: FakeConsole, consent: Consent = YES, **options: object) -> None:
    wanted = Change.model_validate({"group": "demo"} | options)
    apply_groups(cluster.tools, [wanted], consent, console)


def left_alone(cluster: Cluster) -> bool:
    """No node was changed, nothing is on record, and nobody holds anything."""
    held = (cluster.lock.held, cluster.lease.holders)
    return (cluster.changed, cluster.history.details, held) == ([], [], ("", {}))


def with_job(cluster: Cluster) -> None:
    """A job has a task on w-0."""
    head = cluster.hosts.observed.host("a")
    (view,) = head.ray
    load = {"id-w-0": RayLoad(tasks=1)}
    job = RayJob(id="01", entrypoint="python x.py", nodes=("id-w-0",))
    busy = view.model_copy(update={"load": load, "jobs": (job,)})
    cluster.hosts.show(head.model_copy(update={"ray": (busy,)}))


def test_it_plans_asks_leases_plans_again_and_applies_on_record(cluster: Cluster) -> None:
    console = FakeConsole(["yes"])
    looks = len(cluster.hosts.asked)
    order: list[str] = []
    console.before_answer = lambda _: order.append(f"asked, {len(cluster.hosts.asked)} looks")
    converge = cluster.journal.after

    def note(line: str) -> None:
        order.append(f"{line}, {len(cluster.hosts.asked)} looks")
        converge(line)

    cluster.journal.after = note
    run(cluster, console, Consent(), command="upgrade")
    assert order[:4] == [
        f"lock upgrade demo, {looks} looks",
        f"asked, {looks + 1} looks",
        f"lease demo on a, {looks + 1} looks",
        f"hold demo w-0, {looks + 2} looks",
    ]
    assert (console.asked, console.titles) == ([QUESTION], ["upgrade demo"])
    assert cluster.changed == ALL
    recorded = cluster.history.run(1)
    assert (recorded.command, recorded.outcome) == ("upgrade", RunOutcome.SUCCEEDED)
    (plan,), (status,) = console.plans, console.statuses
    assert recorded.plan == plan.model_dump_json()
    assert status.ready
    assert (cluster.lock.held, cluster.lease.holders) == ("", {})


def test_nothing_to_change_takes_no_lease_and_leaves_no_record(cluster: Cluster) -> None:
    run(cluster, FakeConsole())
    lines, runs = len(cluster.journal.lines), len(cluster.history.details)
    console = FakeConsole()
    run(cluster, console)
    assert cluster.journal.lines[lines:] == ["lock apply demo"]
    assert len(cluster.history.details) == runs
    assert (console.titles, len(console.statuses)) == ([], 1)


def test_what_is_refused_after_the_question_is_left_alone(cluster: Cluster) -> None:
    console = FakeConsole(["no"])
    with pytest.raises(RefusedError, match="not confirmed"):
        run(cluster, console, Consent())
    assert console.asked == [QUESTION]
    assert left_alone(cluster)


def test_the_name_is_asked_for_where_production_loses_more(cluster: Cluster) -> None:
    cluster.file.write_text(f"production: true\n{CHANGED}")
    with_job(cluster)
    with pytest.raises(RefusedError, match="not confirmed"):
        run(cluster, FakeConsole(["yes"]), Consent())
    with pytest.raises(RefusedError, match="this interrupts 1 running jobs"):
        run(cluster, FakeConsole(), YES)
    assert left_alone(cluster)
    run(cluster, FakeConsole(["demo"]), Consent())
    assert cluster.changed == ALL


def test_force_alone_covers_running_jobs(cluster: Cluster) -> None:
    with_job(cluster)
    console = FakeConsole()
    run(cluster, console, FORCE)
    assert (console.asked, cluster.changed) == ([], ALL)


def test_a_plan_that_moved_after_the_question_is_not_applied(cluster: Cluster) -> None:
    def moves(_: str) -> None:
        cluster.hosts.set_units("b", {"adbray-worker@demo.w-2.service"}, "inactive")

    console = FakeConsole(["yes"], before_answer=moves)
    with pytest.raises(RefusedError, match=r"w-2@b: was .* runs, is .* stopped"):
        run(cluster, console, Consent())
    assert left_alone(cluster)


def test_a_spec_that_changed_after_the_question_is_not_applied(cluster: Cluster) -> None:
    def edits(_: str) -> None:
        cluster.file.write_text(CHANGED.replace('X: "2"', 'X: "3"'))

    with pytest.raises(RefusedError, match="asks for something else now"):
        run(cluster, FakeConsole(["yes"], before_answer=edits), Consent())
    assert left_alone(cluster)


def test_a_lease_that_another_holds_leaves_it_alone(cluster: Cluster) -> None:
    cluster.lease.holders["a", "demo"] = ("there", "there: upgrade demo")
    with pytest.raises(RefusedError, match="is being changed by there: upgrade demo"):
        run(cluster, FakeConsole())
    assert (cluster.changed, cluster.history.details, cluster.lock.held) == ([], [], "")
    assert cluster.lease.holders == {("a", "demo"): ("there", "there: upgrade demo")}


def test_a_host_that_is_silent_under_the_lease_ends_it(cluster: Cluster) -> None:
    def falls_silent(line: str) -> None:
        if line.startswith("lease"):
            seen = cluster.hosts.observed.host("b")
            cluster.hosts.show(
                seen.model_copy(update={"error": "no answer", "slots": (), "units": ()})
            )

    cluster.journal.after = falls_silent
    with pytest.raises(HostError, match="no answer"):
        run(cluster, FakeConsole())
    assert left_alone(cluster)


def test_an_interrupt_frees_lock_and_lease_and_is_on_record(cluster: Cluster) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("run site"):
            raise KeyboardInterrupt

    cluster.journal.after = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(cluster, FakeConsole())
    assert (cluster.lock.held, cluster.lease.holders) == ("", {})
    assert cluster.history.run(1).outcome is RunOutcome.INTERRUPTED
    assert cluster.states(1)["w-0"] == "running"


def test_a_saved_plan_is_applied_as_long_as_it_is_true(cluster: Cluster) -> None:
    saved = cluster.prepare().plan
    run(cluster, FakeConsole(), saved=saved)
    assert cluster.changed == ALL
    console = FakeConsole()
    with pytest.raises(RefusedError, match="this plan was made for another state"):
        run(cluster, console, saved=saved)
    assert console.plans == []


def test_a_new_group_gets_the_namespace_that_was_asked_for(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, stands=False)
    console = FakeConsole()
    run(cluster, console, namespace="demo-12345678")
    assert console.plans[0].namespace == "demo-12345678"


def test_each_canary_is_asked_about_unless_yes_was_given_before(cluster: Cluster) -> None:
    console = FakeConsole(["yes", "yes", "no"])
    with pytest.raises(RefusedError, match="stopped after the canary"):
        run(cluster, console, Consent(), canary=1)
    assert console.asked[1:] == ["restart w-0 (w, canary)", "restart x-0 (x, canary)"]
    assert cluster.changed == ALL[:4]


def test_a_yes_given_before_stops_after_the_canary(cluster: Cluster) -> None:
    console = FakeConsole(["yes"])
    with pytest.raises(RefusedError, match="4 steps were not begun"):
        run(cluster, console, YES, canary=1)
    assert (console.asked, cluster.changed) == ([], ["w-0"])


@pytest.mark.parametrize(
    ("keep_going", "changed"), [(False, ALL[:2]), (True, [*ALL[:2], *ALL[3:]])]
)
def test_keep_going_reaches_the_steps(
    cluster: Cluster, changed: list[str], *, keep_going: bool
) -> None:
    cluster.breaks("w-1")
    with pytest.raises(RunError) as caught:
        run(cluster, FakeConsole(), keep_going=keep_going)
    assert cluster.changed == changed
    # What failed first is shown as it was raised, and no error is edited.
    first = caught.value.__cause__
    assert isinstance(first, RunError)
    assert (first.what, first.where) == ("task X failed for w-1", "b")


def test_a_restart_is_of_the_named_alone(cluster: Cluster) -> None:
    wanted = Change(group="demo", command="restart", restart=("w-0",))
    with pytest.raises(RefusedError, match="asks for other changes as well"):
        change(cluster.tools, wanted, FORCE, FakeConsole())
    assert left_alone(cluster)
