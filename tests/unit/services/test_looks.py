"""How often a command asks each host: once to plan, and once more under a lease."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
import pytest

from adbray_ctl.cli.commands.apply import apply
from adbray_ctl.cli.commands.nodes import drain, restart
from adbray_ctl.cli.commands.plan import plan
from adbray_ctl.cli.commands.status import status
from adbray_ctl.cli.state import State
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services.change import Change, apply_groups
from adbray_ctl.services.check import check_and_fix
from adbray_ctl.services.plan import prepare_all
from adbray_ctl.testing.console import FakeConsole
from tests.unit.cluster import applied
from tests.unit.converging import CHANGED, FLEET, Cluster
from tests.unit.core.healthy_host import answer

TEN = tuple(f"g{number}" for number in range(10))
SMALL = """\
kind: RayCluster
name: g{0}
head:
  size: tiny
  disk_gb: 30
  hosts: {{names: [a]}}
  ports: {{gcs: 640{0}, dashboard: 827{0}, client: 1001{0}}}
redis: {{hosts: {{names: [a]}}}}
worker_groups: [{{name: w, size: tiny, disk_gb: 30, max_workers: 1, hosts: {{names: [b]}}}}]
"""
ALL_HOSTS = ("a", "b", "c")


class Groups(Cluster):
    """Ten groups on the three hosts, each as its file says, and none of them `demo`."""

    def __init__(self, directory: Path, *, stand: bool) -> None:
        super().__init__(directory, stands=False)
        self.file.unlink()
        (directory / "fleet.yml").write_text(f"{FLEET}limits: {{min_workers: 0}}\n")
        for number, name in enumerate(TEN):
            (directory / "groups" / f"{name}.yml").write_text(SMALL.format(number))
            self.secrets.create(name)
        for name in TEN if stand else ():
            # Each is placed beside those before it.
            (one,) = prepare_all(self.tools, [name])
            self._add(applied(one.fleet, one.spec, one.topology))
        self.hosts.asked.clear()

    def _add(self, group: Observed) -> None:
        for seen in self.hosts.observed.hosts:
            more = group.host(seen.host)
            fields = ("slots", "units", "groups", "ray")
            both = {name: (*getattr(seen, name), *getattr(more, name)) for name in fields}
            self.hosts.show(seen.model_copy(update=both))


def run(cluster: Cluster, command: click.Command, *arguments: str) -> None:
    state = State(directory=cluster.file.parents[1])
    vars(state)["tools"] = cluster.tools
    command.main(args=list(arguments), obj=state, standalone_mode=False)


def looks(cluster: Cluster) -> dict[str, int]:
    """How often each host was observed."""
    return dict(Counter(host for asked in cluster.hosts.asked for host in asked))


def each(times: int) -> dict[str, int]:
    return dict.fromkeys(ALL_HOSTS, times)


@pytest.mark.parametrize("stand", [False, True])
def test_a_plan_of_ten_groups_asks_each_host_once(tmp_path: Path, *, stand: bool) -> None:
    cluster = Groups(tmp_path, stand=stand)
    run(cluster, plan)
    assert looks(cluster) == each(1)


@pytest.mark.parametrize("command", [plan, apply, status])
def test_ten_groups_that_are_as_they_should_be_are_seen_at_once(
    tmp_path: Path, command: click.Command
) -> None:
    cluster = Groups(tmp_path, stand=True)
    run(cluster, command)
    assert looks(cluster) == each(1)
    assert cluster.history.details == []


def test_after_a_group_was_changed_the_next_is_planned_on_a_fresh_look(tmp_path: Path) -> None:
    """g3 is changed, so there are its two looks, those of its steps, and one for the rest."""
    cluster = Groups(tmp_path, stand=True)
    changed = SMALL.format(3).replace("max_workers: 1", "max_workers: 1, min_workers: 0")
    (tmp_path / "groups" / "g3.yml").write_text(changed)
    leases: list[int] = []

    def note(line: str) -> None:
        if line.startswith("lease"):
            leases.append(len(cluster.hosts.asked))

    cluster.journal.after = note
    console = FakeConsole()
    changes = [Change(group=name) for name in TEN]
    apply_groups(cluster.tools, changes, Consent(yes=True), console)
    assert [one.group for one in console.statuses] == list(TEN)
    assert leases == [1], "all of it was planned on one look until then"
    whole = [asked for asked in cluster.hosts.asked if set(asked) == set(ALL_HOSTS)]
    assert len(whole) == 3, "at first, under the lease, and for g4 to g9"


def test_a_change_is_looked_at_before_the_question_and_under_the_lease(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.file.write_text(CHANGED)
    with_lease: list[dict[str, int]] = []

    def note(line: str) -> None:
        if line.startswith("hold") and not with_lease:
            with_lease.append(looks(cluster))
        cluster.converge(line)

    cluster.journal.after = note
    run(cluster, apply, "demo", "--yes")
    assert with_lease == [each(2)]


@pytest.mark.parametrize(("command", "times"), [(restart, 2), (drain, 1)])
def test_nodes_by_name_are_found_on_the_look_of_the_plan(
    tmp_path: Path, command: click.Command, times: int
) -> None:
    cluster = Cluster(tmp_path)
    before: list[dict[str, int]] = []

    def note(line: str) -> None:
        if line.startswith("hold") and not before:
            before.append(looks(cluster))
        cluster.converge(line)

    cluster.journal.after = note
    run(cluster, command, "demo", "w-0", "--yes")
    assert before == [each(times)]


def test_a_check_that_fixes_observes_once(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    unsynchronized = answer(time_sync={"synchronized": False, "ntp": False})
    answers = (unsynchronized.model_copy(update={"host": name}) for name in ALL_HOSTS)
    cluster.hosts.answers = tuple(answers)
    check_and_fix(cluster.tools, "demo")
    assert cluster.journal.of("fix") == [f"fix ntp on {name}" for name in ALL_HOSTS]
    assert looks(cluster) == each(1)
