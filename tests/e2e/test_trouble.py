"""What goes wrong on real hosts is told as host, cause and next step, and nothing is changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, Result, run

GROUP = "demo"


class Trouble:
    """A project of its own on one or more hosts of the lab."""

    def __init__(self, lab: Project, directory: Path) -> None:
        self.lab = lab
        self.directory = directory
        self.key = lab.directory / ".adbray" / "lab" / "id_ed25519"

    def write(self, hosts: dict[str, str], *, ssh: str = "", key: Path | None = None) -> None:
        """Write fleet.yml and groups/demo.yml."""
        entries = "".join(f"  - {{name: {n}, address: {a}}}\n" for n, a in hosts.items())
        (self.directory / "fleet.yml").write_text(
            "kind: Fleet\n"
            f"ssh: {{identity_file: {key or self.key}, connect_timeout_s: 2{ssh}}}\n"
            "limits: {disk_gb: {min: 1, max: 20}}\n"
            "sizes: {nano: {cpus: 1, memory_gb: 1}}\n"
            f"hosts:\n{entries}"
        )
        (self.directory / "groups").mkdir(exist_ok=True)
        (self.directory / "groups" / f"{GROUP}.yml").write_text(
            f"kind: RayCluster\nname: {GROUP}\n"
            "head: {size: nano, disk_gb: 1}\nredis: {mode: none}\n"
            "worker_groups: [{name: w, size: nano, disk_gb: 1}]\n"
        )

    def apply(self) -> Result:
        """Apply; it must fail as a user wants to be failed."""
        result = Project(self.directory).adbray("apply", GROUP)
        assert "Traceback" not in result.err + result.out
        assert "error: " in result.err
        return result

    def hosts(self, *names: str) -> dict[str, str]:
        return {name: self.lab.addresses[name] for name in names}


@pytest.fixture
def trouble(lab: Project, tmp_path: Path) -> Trouble:
    return Trouble(lab, tmp_path)


def require_answers(project: Project) -> None:
    """Every host answers, and says that the group is on none."""
    status = project.adbray("status")
    assert (status.code, status.err.splitlines()[0]) == (1, f"error: group {GROUP}: not applied")


def test_unreachable_host(trouble: Trouble) -> None:
    nobody = trouble.lab.addresses["lab1"].rsplit(".", 1)[0] + ".250"
    trouble.write(trouble.hosts("lab1") | {"gone": nobody})
    result = trouble.apply()
    assert result.code == 1
    assert "error: gone: " in result.err
    assert nobody in result.err
    assert "next: " in result.err or "check " in result.err
    status = Project(trouble.directory).adbray("status")
    assert status.code == 1
    assert f"group {GROUP}: not seen" in status.err
    assert f"group {GROUP}: not ready" in status.out, "status must live with a dead host"


def test_wrong_key(trouble: Trouble, tmp_path: Path) -> None:
    other = tmp_path / "other_key"
    made = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], timeout_s=30)
    assert made.code == 0
    trouble.write(trouble.hosts("lab1"), key=other)
    result = trouble.apply()
    assert result.code == 1
    assert "error: lab1: login refused for root@" in result.err


def test_missing_key(trouble: Trouble, tmp_path: Path) -> None:
    trouble.write(trouble.hosts("lab1"), key=tmp_path / "nosuch")
    result = trouble.apply()
    assert result.code == 1
    assert "cannot read the private key" in result.err


def test_changed_host_key_stops_everything(trouble: Trouble, tmp_path: Path) -> None:
    trouble.write(trouble.hosts("lab1"))
    require_answers(Project(trouble.directory))
    known = trouble.directory / ".adbray" / "known_hosts"
    other = tmp_path / "host_key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], timeout_s=30)
    public = other.with_suffix(".pub").read_text().split()[1]
    address = trouble.lab.addresses["lab1"]
    known.write_text(f"{address} ssh-ed25519 {public}\n")
    result = trouble.apply()
    assert result.code == 1
    assert "the host key of root@" in result.err
    assert "has changed" in result.err
    assert f"ssh-keygen -f {known} -R {address}" in result.err
    assert public in known.read_text(), "the pin must not be replaced"


def test_user_without_sudo_and_with_it(trouble: Trouble) -> None:
    on = trouble.lab.on
    on("lab1", "useradd -m ops && cp -r /root/.ssh /home/ops/ && chown -R ops /home/ops/.ssh")
    try:
        trouble.write(trouble.hosts("lab1"), ssh=", user: ops")
        result = trouble.apply()
        assert result.code == 1
        assert "error: lab1: ops may not use sudo" in result.err
        assert "NOPASSWD" in result.err
        on("lab1", "echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops")
        require_answers(Project(trouble.directory))
    finally:
        on("lab1", "rm -f /etc/sudoers.d/ops; userdel -r ops 2>/dev/null; true")


def test_host_without_python(trouble: Trouble) -> None:
    trouble.write(trouble.hosts("lab1"))
    trouble.lab.on("lab1", "mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        result = trouble.apply()
    finally:
        trouble.lab.on("lab1", "mv /usr/bin/python3.away /usr/bin/python3")
    assert result.code == 1
    assert "error: lab1: python3 is not installed" in result.err


def test_full_disk(trouble: Trouble) -> None:
    trouble.write(trouble.hosts("lab1"))
    trouble.lab.on(
        "lab1", "mkdir -p /var/lib/adbray; mount -t tmpfs -o size=1m none /var/lib/adbray"
    )
    try:
        result = trouble.apply()
    finally:
        assert Project(trouble.directory).adbray("destroy", GROUP, "--yes").code in (0, 1)
        trouble.lab.on("lab1", "umount -l /var/lib/adbray; rm -rf /var/lib/adbray")
    assert result.code in (1, 2)
    assert "disk" in result.err
    assert "GB" in result.err or "GiB" in result.err


def test_spec_that_does_not_fit(trouble: Trouble) -> None:
    trouble.write(trouble.hosts("lab1"))
    group = trouble.directory / "groups" / f"{GROUP}.yml"
    group.write_text(group.read_text().replace("size: nano, disk_gb: 1}]", "size: 8xlarge}]"))
    group.write_text(group.read_text().replace("size: 8xlarge", "size: 8xlarge, disk_gb: 1"))
    result = trouble.apply()
    assert result.code == 2
    assert "slot w-0 (64 CPU, 256 GiB memory, 1 GiB disk) fits on no host" in result.err
    assert "CPU free, 64 needed" in result.err


def test_through_a_jump_host(trouble: Trouble) -> None:
    gate = trouble.lab.addresses["lab1"]
    trouble.write(trouble.hosts("lab2"), ssh=f", jump: {{address: {gate}}}")
    project = Project(trouble.directory)
    require_answers(project)
    inventory = trouble.directory / "rendered"
    rendered = project.adbray("render", GROUP, "-o", str(inventory))
    assert rendered.code == 0, rendered.err
    pinged = run(["ansible", "-i", str(inventory), "-m", "ping", "all"], timeout_s=60)
    assert pinged.code == 0, pinged.out + pinged.err


def test_second_run_is_refused_while_the_first_holds_the_lock(trouble: Trouble) -> None:
    trouble.write(trouble.hosts("lab1"))
    project = Project(trouble.directory)
    (trouble.directory / ".adbray").mkdir(exist_ok=True)
    lock = trouble.directory / ".adbray" / "lock"
    lock.touch()
    held = run(
        ["flock", str(lock), "sh", "-c", f"echo someone > {lock}; {_command(project)}"],
        timeout_s=60,
    )
    assert held.code == 3
    assert "locked by someone" in held.err


def _command(project: Project) -> str:
    return f"{sys.executable} -m adbray_ctl -C {project.directory} apply {GROUP}"
