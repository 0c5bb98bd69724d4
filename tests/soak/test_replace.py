"""A host is replaced, alive or dead, and a dead one that comes back is cleaned."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Project, lab_of

NAME = "moved"
SPEC = f"""\
kind: RayCluster
name: {NAME}
head: {{size: nano, disk_gb: 1, hosts: {{names: [lab1]}}}}
redis: {{hosts: {{names: [lab1]}}}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 1, min_workers: 2, hosts: {{labels: {{role: worker}}}}}}
drain_timeout_s: 5
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Four hosts, the last of them not in fleet.yml, and a group with a worker on two."""
    with lab_of(tmp_path_factory.mktemp("replace"), "--hosts", "4") as project:
        fleet = project.directory / "fleet.yml"
        text = fleet.read_text().replace("user: root,", "user: root, connect_timeout_s: 2,")
        text = text[: text.index("  - name: lab4")]
        for name in ("lab2", "lab3"):
            entry = f"- name: {name}\n"
            text = text.replace(entry, f"{entry}    labels: {{role: worker}}  # of ours\n")
        fleet.write_text(text)
        project.write_group(NAME, SPEC)
        project.ok("apply", NAME)
        yield project


def slots(site: Project) -> dict[str, dict[str, Any]]:
    return {slot["slot"]: slot for slot in site.json("status", NAME)["slots"]}


def changes(site: Project) -> dict[str, str]:
    """What a plan does, by node and host, with its reasons; kept nodes are left out."""
    (plan,) = site.json("plan", NAME)
    return {
        f"{c['action']} {c['node']}@{c['host']}": c["reason"]
        for c in plan["changes"]
        if c["action"] != "keep"
    }


def processes(site: Project, host: str) -> str:
    return site.on(host, "pgrep -a 'raylet|gcs_server|redis-server' | cut -c1-200 | sort")


def fleet_text(site: Project) -> str:
    return (site.directory / "fleet.yml").read_text()


def test_a_live_host_is_replaced_by_a_new_one(site: Project) -> None:
    before, text = slots(site), fleet_text(site)
    assert (before["w-0"]["host"], before["w-1"]["host"]) == ("lab2", "lab3")
    kept = processes(site, "lab1"), processes(site, "lab3")
    replace = ("replace", "lab2", f"spare={site.addresses['lab4']}", "--yes")
    refused = site.adbray(*replace)
    assert refused.code == 3
    assert "--force" in refused.err
    assert fleet_text(site) == text, "put back"
    done = site.adbray(*replace, "--force")
    assert done.code == 0, done.err
    assert "host lab2 is clean: its entry can be deleted" in done.out
    after = slots(site)
    assert after["w-0"]["host"] == "spare"
    assert after["w-0"]["ports"] == before["w-0"]["ports"]
    assert site.json("status", NAME)["ready"]
    assert (processes(site, "lab1"), processes(site, "lab3")) == kept
    assert site.try_on("lab2", "ls /etc/adbray /opt/adbray").out == ""
    assert fleet_text(site).count("    labels: {role: worker}\n") == 1, "of the new host"
    assert fleet_text(site).count("  # of ours\n") == 2
    assert changes(site) == {}
    run = site.json("history")[0]
    rows = site.json("history", "show", str(run["number"]))["nodes"]
    assert run["command"] == "replace"
    assert {(r["host"], r["action"], r["state"]) for r in rows} == {
        ("lab2", "delete", "done"),
        ("spare", "start", "done"),
        # The head, of where its workers are now.
        ("lab1", "update", "done"),
    }


def test_a_dead_host_is_replaced(site: Project) -> None:
    fleet = site.directory / "fleet.yml"
    fleet.write_text(fleet_text(site).replace("    retired: true\n", ""))
    site.ok("lab", "kill", "lab3")
    stopped = site.adbray("plan", NAME)
    assert stopped.code == 1
    assert "error: lab3: " in stopped.err
    assert "may be there: w-1" in stopped.err
    assert "adbray replace lab3 NEWHOST" in stopped.err
    done = site.adbray("replace", "lab3", "lab2", "--yes")
    assert done.code == 0, done.err
    assert "made anew, for it is on no host that answers" in done.out
    assert "host lab3 gives no answer: keep its entry" in done.out
    found = slots(site)
    assert (found["w-0"]["host"], found["w-1"]["host"]) == ("spare", "lab2")
    status = site.json("status", NAME)
    assert status["ready"]
    assert any("lab3: retired, and silent" in problem for problem in status["problems"])
    plan = site.ok("plan", NAME)
    assert "host lab3 is retired and gives no answer: what stands there stays" in plan
    assert changes(site) == {}
    checked = site.adbray("check", NAME)
    assert "it is retired, and gives no answer" in checked.out
    # A host that hides nothing may be silent without being retired.
    retired = fleet_text(site)
    fleet.write_text(retired.replace("    retired: true\n", ""))
    assert "host lab3 gives no answer, and nothing is placed there" in site.ok("plan", NAME)
    fleet.write_text(retired)


def test_the_dead_host_comes_back_and_is_cleaned(site: Project) -> None:
    kept = processes(site, "lab1"), processes(site, "lab2")
    site.ok("lab", "start", "lab3")
    _until_answers(site, "lab3")
    assert changes(site) == {"delete w-1@lab3": "stands on lab2: lab3 is retired"}
    site.ok("apply", NAME, "--yes", "--force")
    assert site.try_on("lab3", "ls /etc/adbray /opt/adbray").out == ""
    assert (processes(site, "lab1"), processes(site, "lab2")) == kept
    assert site.json("status", NAME)["ready"]
    assert changes(site) == {}
    destroyed = site.adbray("destroy", NAME, "--yes")
    assert destroyed.code == 0, destroyed.err
    run = site.json("history")[0]
    rows = site.json("history", "show", str(run["number"]))["nodes"]
    assert (run["command"], run["outcome"]) == ("destroy", "succeeded")
    assert {(r["node"], r["state"]) for r in rows} == {
        (node, "done") for node in ("head", "redis", "w-0", "w-1")
    }


def _until_answers(site: Project, host: str, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while site.try_on(host, "systemctl is-system-running --wait; true").code != 0:
        assert time.monotonic() < deadline, f"{host} did not come back"
        time.sleep(0.5)
