"""One lab and one applied group for all end-to-end tests; both are removed at the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
E2E_JOBS = Path(__file__).parent / "jobs"
GROUP = "quickstart"
# A reload returns before sshd listens again, and connections are refused in between; a restart
# waits. Sessions survive both. Without the first part, a sixth within ten seconds fails.
RESTART_SSHD = "systemctl reset-failed ssh; systemctl restart ssh"


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Project:
    """A project directory with a lab of three hosts, driven by the real command line."""

    directory: Path
    addresses: dict[str, str] = field(default_factory=dict)

    def adbray(self, *arguments: str, timeout_s: float = 600) -> Result:
        command = [sys.executable, "-m", "adbray_ctl", "-C", str(self.directory), *arguments]
        return run(command, timeout_s=timeout_s, cwd=REPOSITORY)

    def ok(self, *arguments: str) -> str:
        """Standard output of an adbray command that must succeed."""
        result = self.adbray(*arguments)
        assert result.code == 0, result.err + result.out
        return result.out

    def lab_up(self, *options: str) -> None:
        """Boot a lab, and know its hosts' addresses."""
        self.ok("lab", "up", *options)
        self.addresses = {h["name"]: h["address"] for h in self.json("lab", "status")["hosts"]}

    def write_group(self, name: str, spec: str) -> None:
        """Put a resource group's spec where adbray looks for it."""
        groups = self.directory / "groups"
        groups.mkdir(exist_ok=True)
        (groups / f"{name}.yml").write_text(spec)

    def json(self, *arguments: str) -> Any:
        if arguments[0] == "status":
            return self._status(*arguments)
        return json.loads(self.ok(*arguments, "--json"))

    def _status(self, *arguments: str) -> Any:
        """A status, ready or not: its exit code must say which."""
        result = self.adbray(*arguments, "--json")
        assert result.out, result.err
        found = json.loads(result.out)
        groups = [found] if isinstance(found, dict) else found
        well = all(group["ready"] and group["complete"] for group in groups)
        assert result.code == (0 if well else 1), result.err
        return found

    def on(self, host: str, command: str) -> str:
        """Standard output of a shell command on a lab host, as root; it must succeed."""
        result = self.try_on(host, command)
        assert result.code == 0, f"{host}: {command}: {result.err}{result.out}"
        return result.out.strip()

    def try_on(self, host: str, command: str, within_s: float = 120) -> Result:
        return run(["ssh", *self._login, self._root_at(host), command], timeout_s=within_s)

    def send(self, file: Path, host: str, path: str) -> None:
        """Copy a file to a lab host, as root."""
        result = run(
            ["scp", *self._login, str(file), f"{self._root_at(host)}:{path}"], timeout_s=60
        )
        assert result.code == 0, f"{host}: {path}: {result.err}"

    @property
    def _login(self) -> list[str]:
        known = self.directory / ".adbray" / "known_hosts"
        key = self.directory / ".adbray" / "lab" / "id_ed25519"
        options = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=accept-new"]
        return ["-o", "LogLevel=ERROR", "-i", str(key), *options]

    def _root_at(self, host: str) -> str:
        return f"root@{self.addresses[host]}"

    def inside(self, host: str, command: str) -> str:
        """As ``on``, but past the network and sshd; for hosts that may have lost either."""
        init = next(h["pid"] for h in self.json("lab", "status")["hosts"] if h["name"] == host)
        return inside(init, command)

    def status(self) -> dict[str, Any]:
        found = self.json("status", GROUP)
        assert isinstance(found, dict)
        return found

    def slot(self, name: str) -> dict[str, Any]:
        slots: list[dict[str, Any]] = self.status()["slots"]
        return next(slot for slot in slots if slot["slot"] == name)

    def secret(self, name: str, group: str = GROUP) -> str:
        return (self.directory / ".adbray" / "secrets" / group / name).read_text().strip()


def run(
    command: Sequence[str],
    *,
    timeout_s: float,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Result:
    """Run a command to its end, whatever its exit code."""
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            cwd=cwd,
            env=env or dict(os.environ),
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        # As bytes, also of text.
        told = [one.decode(errors="replace") for one in (error.stdout, error.stderr) if one]
        error.add_note("\n".join(("it had printed:", *told)))
        raise
    return Result(result.returncode, result.stdout, result.stderr)


def inside(init: int, command: str) -> str:
    """Standard output of a shell command in the lab host whose PID 1 is ``init``, as root."""
    enter = ["nsenter", f"--target={init}", "--mount", "--uts", "--ipc", "--net", "--pid"]
    result = run([*enter, "sh", "-c", command], timeout_s=120)
    assert result.code == 0, f"{command}: {result.err}{result.out}"
    return result.out.strip()


@contextmanager
def lab_of(directory: Path, *options: str) -> Iterator[Project]:
    """A project in ``directory`` with a lab up; both are gone afterwards, whatever happens."""
    project = Project(directory)
    try:
        project.lab_up(*options)
        yield project
    finally:
        down = project.adbray("lab", "down")
        shutil.rmtree(project.directory, ignore_errors=True)
    assert down.code == 0, down.err


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A lab of three hosts, nothing applied."""
    with lab_of(tmp_path_factory.mktemp("e2e"), "--hosts", "3") as project:
        yield project


@pytest.fixture(scope="session")
def cluster(lab: Project) -> Project:
    """The lab with the group quickstart applied."""
    lab.ok("init", "--lab")
    lab.ok("apply", GROUP)
    return lab
