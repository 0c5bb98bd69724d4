"""Looking for orphans with real files and history, and stand-ins for hosts and Redis alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.errors import ClusterError, HostError
from adbray_ctl.core.history import RunOutcome, RunStart
from adbray_ctl.core.observed.hosts import HostObservation, Observed, Trace
from adbray_ctl.core.orphans import OrphanKind
from adbray_ctl.core.preflight.redis import Cleared, Namespace, Namespaces
from adbray_ctl.services.orphans import find, remove_keys
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.hosts import FakeHosts, FakeLeftovers
from adbray_ctl.testing.redis import FakeRedis

URL = "redis://10.0.0.9:6379"
FLEET = """\
kind: Fleet
hosts:
  - {name: a, address: 10.0.0.1}
  - {name: b, address: 10.0.0.2}
  - {name: c, address: 10.0.0.3, retired: true}
"""
GROUP = f"""\
kind: RayCluster
name: mine
head: {{size: small, hosts: {{names: [b]}}}}
redis: {{mode: external, url: "{URL}"}}
worker_groups: [{{name: w, size: small}}]
"""


KEPT = Namespaces(found=(Namespace(name="mine-00000001", keys=3),), sealed=2)


def tools(directory: Path, store: FakeRedis, *hosts: HostObservation) -> Tools:
    """A project whose history made mine-00000001, on hosts that tell this."""
    (directory / "groups").mkdir(exist_ok=True)
    (directory / "fleet.yml").write_text(FLEET)
    (directory / "groups" / "mine.yml").write_text(GROUP)
    found = wiring.tools(directory)
    plan = json.dumps({"namespace": "mine-00000001"})
    for text in (plan, ""):
        start = RunStart(
            group="mine", command="x", started_at=1, plan=text, spec="", fleet="", nodes=()
        )
        found.history.end(found.history.begin(start), RunOutcome.SUCCEEDED, 2.0)
    seen = hosts or (HostObservation(host="a"), HostObservation(host="b"))
    return replace(
        found, hosts=FakeHosts(Observed(hosts=seen)), leftovers=FakeLeftovers(), redis=store
    )


def test_keys_are_asked_for_where_the_head_may_stand(tmp_path: Path) -> None:
    store = FakeRedis(kept=KEPT)
    report = find(tools(tmp_path, store)).report
    assert store.asked == ["b"]
    (orphan,) = report.orphans
    assert (orphan.kind, orphan.name, orphan.run) == (OrphanKind.KEYS, "mine-00000001", 1)
    assert report.problems == ()
    assert report.notes == (f"{URL}: user default may not read 2 other namespaces there",)


def test_groups_without_a_file_are_found(tmp_path: Path) -> None:
    traces = tuple(Trace(group=name, what=("x",)) for name in ("mine", "old"))
    here = HostObservation(host="a", traces=traces)
    report = find(tools(tmp_path, FakeRedis(kept=Namespaces()), here)).report
    assert [(one.kind, one.name, one.run) for one in report.orphans] == [
        (OrphanKind.GROUP, "old", None)
    ]


def test_what_is_silent_is_told_apart(tmp_path: Path) -> None:
    silent = [HostObservation(host=name, error="no answer") for name in "abc"]
    report = find(tools(tmp_path, FakeRedis(kept=KEPT), *silent)).report
    assert report.problems == ("a: no answer", "b: no answer")
    assert report.notes == ("c, which is retired: no answer",)
    assert report.orphans == (), "nobody can ask Redis"


def test_a_redis_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    report = find(tools(tmp_path, FakeRedis(kept=Namespaces(error="refused")))).report
    assert report.problems == (f"{URL}, asked from b: refused",)


@pytest.mark.parametrize(
    ("cleared", "said"),
    [
        (Cleared(leader="far"), "the head on host far leads mine-00000001"),
        (Cleared(refused="NOPERM"), "Redis refuses: NOPERM"),
        (Cleared(silent="timed out"), "Redis does not answer b: timed out"),
        (Cleared(removed=3, left=("RAYmine-00000001@KV",)), "1 keys of mine-00000001 are there"),
    ],
)
def test_keys_that_stay_are_told(cleared: Cleared, said: str, tmp_path: Path) -> None:
    project = tools(tmp_path, FakeRedis(kept=KEPT, refusal=cleared))
    found = find(project)
    with pytest.raises(ClusterError, match=said) as error:
        remove_keys(project, found, found.report.orphans[0])
    assert error.value.where == URL
    assert error.value.hint


def test_keys_that_go_are_counted(tmp_path: Path) -> None:
    store = FakeRedis(kept=KEPT)
    project = tools(tmp_path, store)
    found = find(project)
    assert remove_keys(project, found, found.report.orphans[0]) == 3
    assert store.asked[-1] == "b mine-00000001"


def test_hosts_that_fall_silent_meanwhile_end_it(tmp_path: Path) -> None:
    silent = FakeLeftovers(error=HostError("no answer", where="a"))
    with pytest.raises(HostError, match="no answer"):
        find(replace(tools(tmp_path, FakeRedis(kept=KEPT)), leftovers=silent))
