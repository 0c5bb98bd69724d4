"""Hosts with habits: login shells, sudo, PAM and sshd as strangers set them up, and odd fleets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import RESTART_SSHD, Project

GROUP = "demo"
HOST = "lab2"
RC = "/home/ops/.bashrc"
SSHD = "/etc/ssh/sshd_config.d/habit.conf"
KEYS = "/home/ops/.ssh/authorized_keys"
SUDOERS = "/etc/sudoers.d/habit"


@dataclass
class Site:
    """A project on two hosts of the lab, of which one is logged in to as a user with sudo."""

    lab: Project
    project: Project

    def write(self, more: str = "", hosts: str = "") -> None:
        """Write fleet.yml; ``more`` goes into ``ssh``, ``hosts`` are more of them."""
        key = self.lab.directory / ".adbray" / "lab" / "id_ed25519"
        at = self.lab.addresses
        (self.project.directory / "fleet.yml").write_text(
            f"kind: Fleet\nssh: {{identity_file: {key}{more}}}\n"
            "limits: {disk_gb: {min: 1, max: 20}}\nsizes: {nano: {cpus: 1, memory_gb: 1}}\n"
            f"hosts:\n  - {{name: lab1, address: {at['lab1']}}}\n"
            f"  - {{name: lab2, address: {at['lab2']}, ssh: {{user: ops}}}}\n{hosts}"
        )

    def findings(self) -> list[dict[str, Any]]:
        """What check finds, which reads the hosts and observes them, as all commands do."""
        found: list[dict[str, Any]] = json.loads(self.project.adbray("check", GROUP, "--json").out)[
            "findings"
        ]
        return found

    def answers(self) -> tuple[list[dict[str, Any]], list[str], str]:
        """What check finds bad, what problems status has, and what plan says on stderr."""
        checked = self.findings()
        shown = self.project.adbray("status", GROUP, "--json").out
        # A group that is not applied, on hosts without a problem, is an error and no status.
        problems = json.loads(shown)["problems"] if shown else []
        plan = self.project.adbray("plan", GROUP)
        for one in (plan.err, plan.out):
            assert "Traceback" not in one
        bad = [one for one in checked if one["state"] in ("fail", "skipped")]
        return bad, problems, plan.err if plan.code else ""


@pytest.fixture(scope="module")
def user(lab: Project) -> Iterator[Project]:
    """A user of HOST with sudo, as images of clouds have one."""
    make = "useradd -m -s /bin/bash ops; cp -r /root/.ssh /home/ops/; chown -R ops /home/ops"
    lab.on(HOST, f"{make}; echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops")
    yield lab
    lab.on(HOST, "rm -f /etc/sudoers.d/ops; userdel -r ops 2>/dev/null; true")


@pytest.fixture
def site(user: Project, tmp_path: Path) -> Site:
    found = Site(user, Project(tmp_path))
    found.write()
    found.project.write_group(
        GROUP,
        f"kind: RayCluster\nname: {GROUP}\nhead: {{size: nano, disk_gb: 1}}\n"
        "redis: {mode: none}\nworker_groups: [{name: w, size: nano, disk_gb: 1}]\n",
    )
    return found


@contextmanager
def changed(lab: Project, *files: str, script: str, after: str = "true") -> Iterator[None]:
    """Run ``script`` on HOST; ``files`` are as they were, or away, after the block."""
    saved = "; ".join(f"cp -a {one} {one}.saved 2>/dev/null" for one in files)
    back = "; ".join(f"rm -f {one}; mv {one}.saved {one} 2>/dev/null" for one in files)
    lab.on(HOST, f"{saved or 'true'}; {script}")
    try:
        yield
    finally:
        # As root over SSH, whose own login is never changed.
        lab.on(HOST, f"{back or 'true'}; {after}")


def first_line(text: str) -> str:
    return f"sed -i '1i {text}' {RC}"


# --- what is right although the host is strange


RIGHT = {
    "prints": first_line("echo Welcome to {}; echo noise >&2"),
    "prints-json": first_line('echo "{\\"error\\": \\"no\\"}"'),
    "prints-bytes": first_line('printf "\\\\377\\\\376\\\\033[31m"'),
    "prints-much": first_line("head -c 9000000 /dev/zero; head -c 9000000 /dev/zero >\\&2"),
    "prints-at-its-end": first_line('trap "echo Bye; echo bye >\\&2" EXIT'),
    "another-language": first_line("export LANG=de_DE LC_ALL=de_DE LANGUAGE=de"),
    "restricted": "usermod -s /bin/rbash ops",
    "dash": "usermod -s /bin/dash ops",
    "slow": first_line("sleep 11"),
    "sudo-on-its-own-tty": f"echo 'Defaults use_pty, lecture=always' > {SUDOERS}",
    "one-session": f"echo MaxSessions 1 > {SSHD}; {RESTART_SSHD}",
}


@pytest.mark.parametrize("habit", RIGHT)
def test_a_strange_host_is_understood(site: Site, habit: str) -> None:
    after = f"usermod -s /bin/bash ops; {RESTART_SSHD}"
    with changed(site.lab, RC, SUDOERS, SSHD, script=RIGHT[habit], after=after):
        found = site.findings()
    # The other host too: what is there of a group is known only when both answer.
    bad = [one for one in found if one["check"] in ("ssh", "records") or one["host"] == HOST]
    assert [one for one in bad if one["state"] == "fail"] == []
    assert {one["state"] for one in found if one["check"] == "placement"} == {"ok"}


# --- what is wrong, in one finding that names the step


PAM = "sed -i '1i account optional pam_exec.so /bin/sleep 4' /etc/pam.d/sshd"
WRONG = {
    "image-of-a-cloud": (
        first_line("echo Please login as the user admin.; exit 142"),
        "ssh",
        "it ended with exit status 142 and printed: Please login as the user admin.",
    ),
    "ends": (first_line("exit 3"), "ssh", "exit status 3 and printed nothing"),
    "nologin": ("usermod -s /usr/sbin/nologin ops", "ssh", "This account is currently not avail"),
    "forced-command": (f"sed -i 's/^/command=\"echo menu\" /' {KEYS}", "ssh", "printed: menu"),
    "no-session": (
        f"printf 'Match User ops\\nMaxSessions 0\\n' > {SSHD}; {RESTART_SSHD}",
        "ssh",
        "a sess",
    ),
    "password-expired": ("echo ops:x | chpasswd; chage -d 0 ops", "ssh", "password has expired"),
    "account-expired": ("chage -E 1 ops", "ssh", "login refused for ops@"),
    "requiretty": (f"echo 'Defaults requiretty' > {SUDOERS}", "sudo", "wants a terminal"),
    "password-for-sudo": ("echo 'ops ALL=(ALL) ALL' > /etc/sudoers.d/ops", "sudo", "may not use"),
    "no-sudoer": ("rm /etc/sudoers.d/ops", "sudo", "ops may not use sudo"),
    "no-sudo": ("mv /usr/bin/sudo /usr/bin/sudo.saved", "sudo", "sudo is not installed"),
}


@pytest.mark.parametrize("habit", WRONG)
def test_a_host_that_does_not_run_commands_has_one_clear_finding(site: Site, habit: str) -> None:
    script, check, text = WRONG[habit]
    files = (RC, SUDOERS, SSHD, KEYS, "/etc/sudoers.d/ops")
    after = (
        "usermod -s /bin/bash ops; chage -d 20000 -M 99999 -E -1 ops; usermod -p '*' ops;"
        f" [ -e /usr/bin/sudo ] || mv /usr/bin/sudo.saved /usr/bin/sudo; {RESTART_SSHD}"
    )
    with changed(site.lab, *files, script=script, after=after):
        bad, problems, refused = site.answers()
    (found,) = [one for one in bad if one["host"] == HOST]
    assert (found["check"], found["state"]) == (check, "fail")
    assert text in found["found"]
    assert found["remedy"], "a finding says what to do"
    (problem,) = problems
    assert problem.startswith(f"{HOST}: {found['found']}"), "status judges as check does"
    assert f"error: {HOST}: {found['found']}" in refused, "and so does plan"


def test_a_slow_login_is_named_as_slow_and_a_longer_wait_lets_it_in(site: Site) -> None:
    site.write(", connect_timeout_s: 2")
    with changed(site.lab, "/etc/pam.d/sshd", script=PAM):
        bad, problems, _ = site.answers()
        site.write(", connect_timeout_s: 20")
        patient, none, refused = site.answers()
    (found,) = [one for one in bad if one["host"] == HOST]
    assert "is too slow: authentication (PAM" in found["found"]
    assert "took more than 2 s" in found["found"]
    assert "ssh.connect_timeout_s" in found["remedy"]
    assert found["found"] in problems[0]
    assert ([one for one in patient if one["host"] == HOST], none, refused) == ([], [], "")


def test_a_shell_that_waits_for_an_answer_is_quoted(site: Site) -> None:
    site.write(", connect_timeout_s: 2")
    script = first_line("echo 1 shell 2 logout; read x")
    with changed(site.lab, RC, script=script):
        status = json.loads(site.project.adbray("status", GROUP, "--json").out)
    (problem,) = status["problems"]
    assert "did not start the command within 30 s; it printed: 1 shell 2 logout" in problem


# --- what sshd makes of the head


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("AllowUsers root ops", "AllowUsers leaves adbray-slot out"),
        ("DenyUsers nobody adbray-*", "DenyUsers names adbray-slot"),
        ("AllowGroups root ops", "AllowGroups leaves adbray-slot out"),
        ("Match User adbray-slot\n  PubkeyAuthentication no", "PubkeyAuthentication is no"),
        ("Match User adbray-*\n  ForceCommand /bin/menu", "ForceCommand replaces"),
        ("Match User adbray-*\n  AuthenticationMethods publickey,password", "publickey,password"),
        ("Match User adbray-*\n  AuthorizedKeysFile /etc/keys/%u", "is /etc/keys/%u"),
    ],
)
def test_check_says_when_sshd_would_keep_the_head_out(site: Site, config: str, text: str) -> None:
    with changed(site.lab, SSHD, script=f"printf '%b\\n' '{config}' > {SSHD}"):
        checked = site.findings()
    (found,) = [one for one in checked if (one["host"], one["check"]) == (HOST, "gate")]
    assert found["state"] == "fail"
    assert text in found["found"]
    (other,) = [one for one in checked if (one["host"], one["check"]) == ("lab1", "gate")]
    assert other["state"] == "ok"


# --- a machine twice, and what is not seen


REFUSED = (("apply", GROUP, "--yes"), ("destroy", GROUP, "--yes"), ("orphans",))


def test_a_machine_under_two_names_is_refused_with_both_lines(site: Site) -> None:
    second = site.lab.addresses["lab2"].rpartition(".")[0] + ".222"
    site.write(hosts=f"  - {{name: twin, address: {second}}}\n")
    device = site.lab.on(HOST, f"ip -o addr show to {site.lab.addresses[HOST]}").split()[1]
    site.lab.on(HOST, f"ip addr add {second}/24 dev {device}")
    text = "lab2 (fleet.yml:7) and twin (fleet.yml:8) are one machine"
    try:
        bad, problems, refused = site.answers()
        others = [site.project.adbray(*words) for words in REFUSED]
    finally:
        site.lab.on(HOST, f"ip addr del {second}/24 dev {device}")
    (found,) = [one for one in bad if one["check"] == "machines"]
    assert text in found["found"]
    assert "keep one of these lines" in found["remedy"]
    assert [one for one in problems if text in one]
    assert text in refused
    for one in others:
        assert (one.code in (1, 2), text in one.err) == (True, True), one.err


def test_a_record_that_is_cut_off_is_not_a_slot_that_is_gone(site: Site) -> None:
    folder = "/etc/adbray/other"
    record = '{"group": "other", "slot": "w-0"'
    site.lab.on(HOST, f"mkdir -p {folder}; echo '{record}' > {folder}/w-0.json")
    try:
        bad, problems, refused = site.answers()
    finally:
        site.lab.on(HOST, "rm -r /etc/adbray")
    text = f"{folder}/w-0.json: this slot record cannot be read"
    (found,) = [one for one in bad if one["check"] == "records"]
    assert (found["host"], text in found["found"]) == (HOST, True)
    assert f"{HOST}: {text}" in problems[0]
    assert f"error: {HOST}: {text}" in refused
    assert "the next apply makes the slot again" in refused
