"""Worker groups scale by themselves: up where the demand fits, and back, never out of bounds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from tests.e2e.conftest import E2E_JOBS, REPOSITORY, RESTART_SSHD, Project
from tests.e2e.elastic import (
    NAME,
    at_rest,
    counted,
    demand,
    goes_to_its_maximum_and_back,
    head_process,
    running,
    sampled,
    site,
    until,
)

__all__ = ["site"]

_RELOAD = "systemctl daemon-reload"

# --- demand


def test_a_task_starts_the_group_that_fits_it_and_no_other(site: Project) -> None:
    at_rest(site)
    with sampled(site) as samples:
        ((slot, waited),) = demand(site, 1, 1, num_cpus=4)
        assert slot == "four-0"
        assert waited < 60
        at_rest(site)
    assert (samples.most("four"), samples.most("two"), samples.most("one")) == (1, 0, 1)
    assert site.adbray("plan", NAME, "--exit-code").code == 0, "what scaled is no change"
    assert site.json("status", NAME)["ready"]


def test_the_events_tell_what_was_done_and_why(site: Project) -> None:
    at_rest(site)
    since = site.json("events", NAME, "-n", "1")[0]["number"]
    demand(site, 1, 1, num_cpus=4, label_selector={"tier": "four"})
    at_rest(site)

    def told() -> dict[str, str]:
        events = [e for e in site.json("events", NAME) if e["number"] > since]
        return {e["kind"]: e["text"] for e in events if e["worker_group"] == "four"}

    # A worker's end is told when it has ended, which is after it began to.
    until(lambda: "stop" in told(), 20)
    texts = told()
    assert set(texts) == {"launch", "start", "join", "stop"}
    assert texts["launch"] == "1 of four for 1 x (4 CPU, tier=four) for tasks or actors"
    assert "joined Ray" in texts["join"]
    assert "it was idle for" in texts["stop"]


def test_a_demand_that_fits_nowhere_is_told_while_it_waits(site: Project) -> None:
    words = ("python", "demand.py", "1", "1", '{"num_cpus": 64}')
    job = ("job", "submit", NAME, "--no-wait", "--working-dir", str(E2E_JOBS), "--", *words)
    site.ok(*job)
    command = [sys.executable, "-m", "adbray_ctl", "-C", str(site.directory)]
    watch = subprocess.Popen(
        [*command, "status", NAME, "--watch", "--every", "1", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        assert watch.stdout is not None
        for line in watch.stdout:
            waiting = json.loads(line)["scaling"]["waiting"]
            if waiting:
                break
    finally:
        watch.terminate()
        watch.communicate()
    assert waiting[0]["demand"] == "1 x (64 CPU) for tasks or actors"
    assert "fits no worker group: one has 1 CPU; two has 2 CPU" in waiting[0]["why"]
    assert "scaling: 1 x (64 CPU)" in site.ok("status", NAME)
    for job_ in site.json("job", "list", NAME):
        if job_["status"] == "RUNNING":
            site.ok("job", "stop", NAME, job_["id"])
    until(lambda: not site.json("status", NAME)["scaling"]["waiting"], 30)


def test_what_a_stopped_worker_left_is_gone(site: Project) -> None:
    at_rest(site)
    disk = f"/var/lib/adbray/{NAME}/four-0"
    (host,) = (h for h in site.addresses if site.try_on(h, f"test -d {disk}").code == 0)
    until(lambda: site.on(host, f"cd {disk}; find tmp spill -mindepth 1 | wc -l") == "0", 20)


def test_a_group_goes_to_its_maximum_and_back(site: Project) -> None:
    goes_to_its_maximum_and_back(site, "two")


def test_a_placement_group_starts_exactly_what_it_needs(site: Project) -> None:
    at_rest(site)
    with sampled(site) as samples:
        placed = demand(site, 4, 1, "STRICT_SPREAD", num_cpus=2)
        at_rest(site)
    assert len({slot for slot, _ in placed}) == 4
    assert samples.most("two") + samples.most("four") == 4
    assert samples.most("one") == 1


def test_new_numbers_reach_a_living_head(site: Project) -> None:
    at_rest(site)
    before = head_process(site)
    site.ok("scale", NAME, "one", "--min", "2", "--max", "4")
    until(lambda: counted(running(site))["one"] == 2)
    assert site.adbray("plan", NAME, "--exit-code").code == 0
    site.ok("scale", NAME, "one", "--min", "1")
    until(lambda: counted(running(site))["one"] == 1)
    site.ok("scale", NAME, "one", "--max", "3", "--yes", "--force")
    assert head_process(site) == before
    at_rest(site)


def test_a_floor_of_request_resources_is_no_queue(site: Project) -> None:
    """It outlives its job, and keeps workers up that are idle."""
    at_rest(site)
    job = ("job", "submit", NAME, "--working-dir", str(E2E_JOBS), "--", "python", "floor.py")
    site.ok(*job, "3")
    until(lambda: bool(site.json("status", NAME)["scaling"]["floors"]))
    status = site.json("status", NAME)
    assert status["ready"]
    assert status["scaling"]["waiting"] == []
    (floor,) = status["scaling"]["floors"]
    assert floor["demand"] == "3 x (1 CPU) for request_resources()"
    assert "request_resources(num_cpus=0)" in site.ok("status", NAME)
    site.ok(*job, "0")
    until(lambda: not site.json("status", NAME)["scaling"]["floors"], 30)
    at_rest(site)


# --- trouble


def test_a_slot_that_does_not_start_is_told_and_another_is_used(site: Project) -> None:
    at_rest(site)
    slots = {slot["slot"]: slot["host"] for slot in site.json("status", NAME)["slots"]}
    host, folder = slots["four-0"], f"/run/systemd/system/adbray-worker@{NAME}.four-0.service.d"
    # Not with 1, which the unit takes for a success, as Ray ends with it on SIGTERM.
    broken = "[Service]\\nExecStartPre=/bin/sh -c 'exit 3'\\n"
    site.on(host, f'mkdir -p {folder}; printf "{broken}" > {folder}/x.conf; {_RELOAD}')
    ((slot, _),) = demand(site, 1, 1, num_cpus=4)
    assert slot == "four-1"
    (aside,) = site.json("status", NAME)["scaling"]["set_aside"]
    assert (aside["slot"], aside["host"], aside["times"]) == ("four-0", host, 1)
    assert "status=3" in aside["reason"], aside
    (fault,) = (e for e in site.json("events", NAME) if e["kind"] == "fault")
    assert f"four-0 on {host} is set aside for 60 s" in fault["text"]
    site.on(host, f"rm -r {folder}; {_RELOAD}")
    at_rest(site)


def test_a_start_that_is_ended_while_it_begins_says_so_until_it_is_cleared(site: Project) -> None:
    at_rest(site)
    slots = {slot["slot"]: slot["host"] for slot in site.json("status", NAME)["slots"]}
    host, unit = slots["two-0"], f"adbray-worker@{NAME}.two-0.service"
    folder = f"/run/systemd/system/{unit}.d"
    slow = "[Service]\\nRestart=no\\nExecStartPre=/bin/sleep 60\\n"
    site.on(host, f'mkdir -p {folder}; printf "{slow}" > {folder}/x.conf; {_RELOAD}')
    begins = f"systemctl show -p ControlPID --value {unit}"
    site.on(host, f"systemctl start --no-block {unit}")
    until(lambda: "sleep" in site.on(host, f"cat /proc/$({begins})/comm || true"), 30)
    site.on(host, f"kill -KILL $({begins})")
    until(lambda: site.on(host, f"systemctl show -p ActiveState --value {unit}") == "failed", 30)
    status = site.json("status", NAME)
    (slot,) = (one for one in status["slots"] if one["slot"] == "two-0")
    assert (slot["state"], status["lacking"]) == ("failed", [f"two-0 on {host} is failed"])
    assert "was killed by a signal" in slot["detail"]
    assert f"{folder}/x.conf" in slot["detail"]
    (plan,) = site.json("plan", NAME)
    (change,) = (c for c in plan["changes"] if c["action"] != "keep")
    assert (change["node"], change["action"]) == ("two-0", "update")
    site.on(host, f"rm -r {folder}; {_RELOAD}")
    site.ok("apply", NAME)
    assert site.json("status", NAME)["ready"]
    assert site.adbray("plan", NAME, "--exit-code").code == 0


@pytest.fixture
def hardened(site: Project) -> Iterator[None]:
    """sshd of all hosts allows one session a connection, and all that could print does."""
    at_rest(site)
    restart = f"{RESTART_SSHD}; pkill -u adbray-slot sshd || true"
    harden = (
        "echo MaxSessions 1 > /etc/ssh/sshd_config.d/hard.conf;"
        " echo 'echo Authorized use only' > /etc/ssh/sshrc; chsh -s /bin/bash adbray-slot;"
        f" echo 'echo Welcome' > /etc/adbray/.slot/.bashrc; {restart}"
    )
    soften = (
        "rm /etc/ssh/sshd_config.d/hard.conf /etc/ssh/sshrc /etc/adbray/.slot/.bashrc;"
        f" chsh -s /bin/sh adbray-slot; {restart}"
    )
    for host in site.addresses:
        site.on(host, harden)
    yield
    for host in site.addresses:
        site.on(host, soften)
    at_rest(site)


@pytest.mark.usefixtures("hardened")
def test_a_head_starts_workers_through_one_session_beside_what_shells_print(site: Project) -> None:
    ((slot, waited),) = demand(site, 1, 1, num_cpus=4)
    assert slot.startswith("four-")
    assert waited < 60
    assert site.json("status", NAME)["scaling"]["silent"] == []
    checked = json.loads(site.adbray("check", NAME, "--json").out)["findings"]
    gates = [one for one in checked if one["check"] == "gate"]
    assert {one["state"] for one in gates} == {"ok"}
    assert all("1 sessions a connection" in one["found"] for one in gates)
    at_rest(site)
    assert site.adbray("plan", NAME, "--exit-code").code == 0


def test_a_head_that_sshd_keeps_out_is_named_with_its_host(site: Project) -> None:
    at_rest(site)
    config = "/etc/ssh/sshd_config.d/hard.conf"
    site.on(
        "lab2",
        f"echo AllowUsers root > {config}; {RESTART_SSHD}; pkill -u adbray-slot || true",
    )
    try:
        # The first reason is that its connection was ended.
        until(lambda: "AllowUsers" in str(site.json("status", NAME)["scaling"]["silent"]))
        (silent,) = site.json("status", NAME)["scaling"]["silent"]
        findings = json.loads(site.adbray("check", NAME, "--json").out)["findings"]
    finally:
        site.on("lab2", f"rm {config}; {RESTART_SSHD}")
    assert silent["host"] == "lab2"
    assert "AllowUsers" in silent["reason"]
    bad = [one for one in findings if one["check"] == "gate" and one["state"] == "fail"]
    assert {one["host"] for one in bad} == {"lab2"}
    assert "AllowUsers leaves adbray-slot out" in bad[0]["found"]
    assert "the head cannot log in here" in bad[-1]["found"]
    until(lambda: not site.json("status", NAME)["scaling"]["silent"])


def test_a_head_killed_at_a_launch_finds_what_runs(site: Project) -> None:
    at_rest(site)
    before = head_process(site)
    with sampled(site) as samples:
        words = ("python", "demand.py", "1", "1", '{"num_cpus": 4}')
        site.ok("job", "submit", NAME, "--no-wait", "--working-dir", str(E2E_JOBS), "--", *words)
        until(lambda: counted(running(site))["four"] == 1)
        site.on("lab1", f"systemctl kill -s KILL adbray-head@{NAME}")
        until(lambda: head_process(site) not in (before, "0"))
        until(lambda: bool(site.json("status", NAME)["ready"]), 120)
        time.sleep(5)
        at_rest(site)
    assert samples.most("four") == 1, "no double launch"
    assert (samples.most("one"), samples.most("two")) == (1, 0)


def test_a_drained_worker_stays_stopped_until_apply(site: Project) -> None:
    at_rest(site)
    (kept,) = running(site)
    site.ok("drain", NAME, kept, "--yes")
    until(lambda: counted(running(site))["one"] == 1)
    assert kept not in running(site), "another took its place"
    (plan,) = site.json("plan", NAME)
    (change,) = (c for c in plan["changes"] if c["action"] != "keep")
    assert (change["node"], change["action"]) == (kept, "update")
    assert "held back" in change["reason"]
    site.ok("apply", NAME)
    assert site.adbray("plan", NAME, "--exit-code").code == 0


# --- the head's key


@pytest.fixture
def key(site: Project) -> Path:
    return site.directory / ".adbray" / "secrets" / NAME / "slot_key"


def asked(site: Project, key: Path, host: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What ssh with the head's key gives, for all arguments after the host's name."""
    known = site.directory / ".adbray" / "known_hosts"
    options = [
        "-o",
        f"UserKnownHostsFile={known}",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "BatchMode=yes",
    ]
    login = ["-i", str(key), *options, f"adbray-slot@{site.addresses[host]}"]
    return subprocess.run(
        ["ssh", *login, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    "request_",
    ["", "sh", "id; id", "cat /etc/shadow", "start ../../x", "start head", "stop redis",
     "start nosuch-0", "list; id", "$(id)", "list --group other"],
)  # fmt: skip
def test_the_heads_key_opens_its_slots_alone(site: Project, key: Path, request_: str) -> None:
    before = running(site)
    refused = asked(site, key, "lab2", request_)
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]
    assert "uid=" not in refused.stdout
    assert running(site) == before
    assert asked(site, key, "lab2", "list").returncode == 0


def test_the_heads_key_opens_no_shell_forward_or_sftp(site: Project, key: Path) -> None:
    terminal = asked(site, key, "lab2", "-tt")
    assert "PTY allocation request failed" in terminal.stderr
    client = paramiko.SSHClient()
    client.load_host_keys(str(site.directory / ".adbray" / "known_hosts"))
    client.connect(
        site.addresses["lab2"],
        username="adbray-slot",
        key_filename=str(key),
        allow_agent=False,
        look_for_keys=False,
    )
    transport = client.get_transport()
    assert transport is not None
    with pytest.raises(paramiko.ChannelException):
        transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 0), timeout=10)
    with pytest.raises((paramiko.SSHException, OSError)):
        transport.request_port_forward("127.0.0.1", 0)
    with pytest.raises((paramiko.SSHException, paramiko.SFTPError, OSError, EOFError)):
        client.open_sftp()
    client.close()


def test_a_huge_request_ends_the_connection_and_nothing_else(site: Project, key: Path) -> None:
    client = paramiko.SSHClient()
    client.load_host_keys(str(site.directory / ".adbray" / "known_hosts"))
    address = site.addresses["lab2"]
    login: dict[str, Any] = {"username": "adbray-slot", "key_filename": str(key)}
    client.connect(address, **login, allow_agent=False, look_for_keys=False)
    with pytest.raises((paramiko.SSHException, OSError, EOFError)):
        client.exec_command("start " + "a" * 2**20, timeout=20)
    client.close()
    assert asked(site, key, "lab2", "list").returncode == 0


def test_destroy_leaves_nothing(site: Project, key: Path) -> None:
    site.ok("destroy", NAME, "--yes", "--force")
    assert not key.exists()
    for host in site.addresses:
        left = site.on(
            host,
            "ls -d /etc/adbray /run/adbray /usr/local/libexec/adbray /usr/local/lib/adbray"
            " /etc/sudoers.d/adbray-slot"
            " 2>/dev/null; getent passwd | grep adbray; pgrep -a raylet; exit 0",
        )
        assert left == "", host
