"""`adbray check` on real hosts: what is well, what was broken on one of them, and who is silent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Project, Result

GROUP = "demo"
# What the machine around the lab's containers has or has not; its hosts tell it as it is.
OF_THE_MACHINE = {"cgroup", "kernel"}
# Waits until something listens on port 6379.
LISTENS = "until grep -q :18EB /proc/net/tcp; do sleep 0.1; done"


class Checked:
    """A project of its own on the lab's three hosts: head on lab1, Redis on lab2, worker lab3."""

    def __init__(self, lab: Project, directory: Path) -> None:
        self.lab = lab
        self.project = Project(directory)
        self.write()

    def write(self, *, ray: str = "{}", user: str = "root", worker: str = "nano") -> None:
        """Write fleet.yml and groups/demo.yml."""
        key = self.lab.directory / ".adbray" / "lab" / "id_ed25519"
        hosts = "".join(
            f"  - {{name: {name}, address: {address}}}\n"
            for name, address in self.lab.addresses.items()
        )
        (self.project.directory / "fleet.yml").write_text(
            f"kind: Fleet\nssh: {{user: {user}, identity_file: {key}, connect_timeout_s: 3}}\n"
            "limits: {disk_gb: {min: 1, max: 20}}\n"
            f"sizes: {{nano: {{cpus: 1, memory_gb: 1}}}}\nhosts:\n{hosts}"
        )
        folder = self.project.directory / "groups"
        folder.mkdir(exist_ok=True)
        (folder / f"{GROUP}.yml").write_text(
            f"kind: RayCluster\nname: {GROUP}\nray: {ray}\n"
            "head: {size: nano, disk_gb: 1, hosts: {names: [lab1]}}\n"
            "redis: {maxmemory_mb: 64, hosts: {names: [lab2]}}\n"
            "worker_groups:\n"
            f"  - {{name: w, size: {worker}, disk_gb: 1, hosts: {{names: [lab3]}}}}\n"
        )

    def check(self, *arguments: str) -> tuple[Result, dict[str, Any]]:
        """How a check ended, and its report."""
        result = self.project.adbray("check", *arguments, "--json")
        assert "Traceback" not in result.err + result.out
        report = json.loads(result.out)
        assert isinstance(report, dict)
        return result, report


def findings(report: dict[str, Any], **wanted: str) -> list[dict[str, Any]]:
    """The findings that have these values."""
    return [
        one for one in report["findings"] if all(one[key] == want for key, want in wanted.items())
    ]


@pytest.fixture
def checked(lab: Project, tmp_path: Path) -> Checked:
    return Checked(lab, tmp_path)


@pytest.mark.parametrize("group", [(), (GROUP,)])
def test_a_fresh_lab_can_carry_groups(checked: Checked, group: tuple[str, ...]) -> None:
    result, report = checked.check(*group)
    assert result.code == 0, result.err
    assert findings(report, state="fail") == []
    assert {one["check"] for one in findings(report, state="warn")} <= OF_THE_MACHINE
    checks = {host: {f["check"] for f in findings(report, host=host)} for host in ("lab1", "lab3")}
    assert checks["lab1"] == checks["lab3"]
    assert len(checks["lab1"]) == 17
    table = checked.project.adbray("check", *group)
    assert table.code == 0
    assert "lab3" in table.out
    assert "0 fail" not in table.out


def test_a_port_that_somebody_holds(checked: Checked) -> None:
    on = checked.lab.on
    on("lab1", "systemd-run --unit=squatter python3 -m http.server 6379")
    try:
        on("lab1", LISTENS)
        result, report = checked.check(GROUP)
        fleet_wide, _ = checked.check()
    finally:
        on("lab1", "systemctl stop squatter")
    assert result.code == 1
    (found,) = findings(report, state="fail")
    assert (found["host"], found["check"], found["fixable"]) == ("lab1", "ports", False)
    assert "port 6379 (gcs of slot head) is held by python3 (pid " in found["found"]
    assert "stop squatter.service" in found["remedy"]
    assert "1 check failed: lab1 ports" in result.err
    assert fleet_wide.code == 0, "no port block of the fleet's is taken"
    assert checked.check(GROUP)[0].code == 0


def test_a_port_that_one_of_adbrays_units_holds(checked: Checked) -> None:
    on = checked.lab.on
    on("lab1", "systemd-run --unit=adbray-head@demo python3 -m http.server 6379")
    try:
        on("lab1", LISTENS)
        result, report = checked.check(GROUP)
    finally:
        # With the slice that systemd made for it, which stays otherwise.
        on("lab1", r"systemctl stop adbray-head@demo 'system-adbray\x2dhead.slice'")
    assert result.code == 0, result.err
    (found,) = findings(report, host="lab1", check="ports")
    assert "adbray's units listen on 1" in found["found"]


def test_a_host_without_name_resolution(checked: Checked) -> None:
    on = checked.lab.on
    on("lab2", "cp /etc/resolv.conf /root/resolv.conf && : > /etc/resolv.conf")
    try:
        fleet_wide, report = checked.check()
        result, of_group = checked.check(GROUP)
    finally:
        on("lab2", "cat /root/resolv.conf > /etc/resolv.conf && rm /root/resolv.conf")
    assert fleet_wide.code == 0
    assert {one["check"] for one in findings(report, host="lab2", state="warn")} >= {
        "names",
        "packages",
    }
    assert findings(report, host="lab1", check="names", state="ok")
    # The group's Redis would have to be fetched by this host.
    assert result.code == 1
    (found,) = findings(of_group, state="fail")
    assert (found["host"], found["check"]) == ("lab2", "packages")
    assert "deb.debian.org" in found["found"]


def test_a_python_that_is_not_there(checked: Checked) -> None:
    checked.write(ray='{python: "3.13"}')
    result, report = checked.check(GROUP)
    assert result.code == 1
    failed = findings(report, state="fail")
    assert [(one["host"], one["check"]) for one in failed] == [
        ("lab1", "python"),
        ("lab2", "python"),
        ("lab3", "python"),
    ]
    assert "install python3.13" in failed[0]["remedy"]


def test_a_ray_version_with_a_known_vulnerability(checked: Checked) -> None:
    checked.write(ray="{version: 2.54.0}")
    result, report = checked.check(GROUP)
    assert result.code == 1
    (found,) = findings(report, state="fail")
    assert found["check"] == "ray"
    assert "CVE-2026-41486" in found["found"]
    assert "2.55.0 or newer" in found["remedy"]


def test_what_is_wrong_in_the_files_exits_with_2(checked: Checked) -> None:
    checked.write(worker="8xlarge")
    result, report = checked.check(GROUP)
    assert result.code == 2
    (found,) = findings(report, state="fail")
    assert found["check"] == "placement"
    assert "fits on no host" in found["found"]
    assert checked.project.adbray("check", "nosuch").code == 2
    checked.write(ray="{version: 2.9.0}")
    assert checked.project.adbray("check", GROUP).code == 2


def test_a_dead_host_is_named_and_the_others_are_checked(checked: Checked) -> None:
    checked.lab.ok("lab", "cut", "lab3")
    try:
        result, report = checked.check()
        of_group, group_report = checked.check(GROUP)
    finally:
        checked.lab.ok("lab", "heal", "lab3")
    assert (result.code, of_group.code) == (1, 1)
    (found,) = findings(report, host="lab3")
    assert (found["check"], found["state"]) == ("ssh", "fail")
    assert checked.lab.addresses["lab3"] in found["found"]
    assert len(findings(report, host="lab1", state="ok")) >= 14
    assert len(findings(report, host="lab2", state="ok")) >= 14
    (skipped,) = findings(group_report, check="placement")
    assert skipped["state"] == "skipped"
    assert "lab3" in skipped["found"]
    assert checked.check(GROUP)[0].code == 0, "the healed host answers again"


def test_a_user_without_sudo(checked: Checked) -> None:
    on = checked.lab.on
    on("lab1", "useradd -m guest && cp -r /root/.ssh /home/guest/ && chown -R guest /home/guest")
    checked.write(user="guest")
    try:
        result, report = checked.check()
    finally:
        on("lab1", "userdel -r guest 2>/dev/null; true")
    assert result.code == 1
    (found,) = findings(report, host="lab1")
    assert (found["check"], found["state"]) == ("sudo", "fail")
    assert "NOPASSWD" in found["remedy"]
    (other,) = findings(report, host="lab2")
    assert other["check"] == "ssh", "nobody of that name is there"


def test_a_changed_host_key_ends_the_check(checked: Checked) -> None:
    assert checked.check()[0].code == 0
    known = checked.project.directory / ".adbray" / "known_hosts"
    lines = known.read_text().splitlines()
    first, second = (line.split(" ", 1) for line in lines[:2])
    known.write_text("\n".join([f"{first[0]} {second[1]}", *lines[1:]]) + "\n")
    result = checked.project.adbray("check")
    assert result.code == 1
    assert "has changed" in result.err


@pytest.fixture
def low_inotify(checked: Checked) -> Iterator[str]:
    """lab2 with a setting that is too low. The kernel's own is the machine's: a file stands in."""
    setting = "/proc/sys/fs/inotify/max_user_instances"
    checked.lab.on("lab2", f"echo 128 > /root/low && mount --bind /root/low {setting}")
    yield setting
    checked.lab.on("lab2", f"umount {setting}; rm -f /root/low /etc/sysctl.d/90-adbray.conf")


def test_apply_mends_what_is_safe_and_only_once(checked: Checked, low_inotify: str) -> None:
    on = checked.lab.on
    result, report = checked.check()
    assert result.code == 0
    (found,) = findings(report, host="lab2", check="kernel", state="warn")
    assert found["fixable"] is True
    assert on("lab2", f"cat {low_inotify}") == "128", "nothing is changed without --apply"

    result, report = checked.check("--apply")
    assert result.code == 0, result.err
    (fixed,) = report["fixes"]
    assert fixed["host"] == "lab2"
    assert [(one["fix"], one["outcome"]) for one in fixed["results"]] == [("inotify", "changed")]
    assert findings(report, host="lab2", check="kernel", state="warn") == []
    assert on("lab2", f"cat {low_inotify}") == "512"
    written = on("lab2", "cat /etc/sysctl.d/90-adbray.conf")
    assert "fs.inotify.max_user_instances = 512" in written

    assert checked.check("--apply")[1]["fixes"] == []
    assert on("lab2", "cat /etc/sysctl.d/90-adbray.conf") == written


def test_a_fix_that_cannot_be_made_says_so(checked: Checked, low_inotify: str) -> None:
    # Not even root may write to a directory that is mounted read-only.
    on = checked.lab.on
    on("lab2", "mount --bind /etc/sysctl.d /etc/sysctl.d && mount -o remount,bind,ro /etc/sysctl.d")
    try:
        result, report = checked.check("--apply")
    finally:
        on("lab2", "umount /etc/sysctl.d")
    assert result.code == 0, "a warning stays a warning"
    (fixed,) = report["fixes"]
    assert fixed["results"][0]["outcome"] == "failed"
    assert "Read-only file system" in fixed["results"][0]["detail"]
    assert on("lab2", f"cat {low_inotify}") == "128", "what had been begun is put back"
    assert findings(report, host="lab2", check="kernel", state="warn")
