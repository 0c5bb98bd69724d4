"""What one directory remembers of its lab: the plan, the key to its hosts, who works on it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adbray_ctl.adapters.lab import network
from adbray_ctl.adapters.lab.shell import read_text, run
from adbray_ctl.core.errors import LabError, RefusedError, UsageError
from adbray_ctl.core.lab import LabHost, LabOrder, LabPlan, lab_id
from adbray_ctl.core.text import no_such

# They would end an overlay's option or path in mount(8).
_NOT_IN_PATHS = frozenset(',:\\"')


class LabFolder:
    """The lab's part of ``directory``, which is ``base``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.base = directory / ".adbray" / "lab"
        self.key = self.base / "id_ed25519"
        self.id = lab_id(str(directory))

    def plan(self) -> LabPlan | None:
        text = read_text(self.base / "lab.json")
        return LabPlan.model_validate_json(text) if text else None

    def known_plan(self) -> LabPlan:
        """The plan, or what stands in for one that was lost: only its id is needed to remove."""
        try:
            plan = self.plan()
        except ValueError:
            plan = None
        return plan or LabPlan(id=self.id, subnet="0.0.0", count=0)

    def remember(self, before: LabPlan | None, order: LabOrder) -> LabPlan:
        subnet = before.subnet if before else network.free_subnet(self.id)
        plan = LabPlan(id=self.id, subnet=subnet, count=order.hosts, vms=order.vms)
        temporary = self.base / "lab.json.tmp"
        temporary.write_text(plan.model_dump_json())
        temporary.replace(self.base / "lab.json")
        return plan

    def find(self, name: str) -> tuple[LabPlan, LabHost]:
        plan = self.plan()
        if plan is None:
            hint = "`adbray lab up` makes one"
            raise LabError("there is no lab here", where=str(self.directory), hint=hint)
        for host in plan.hosts:
            if host.name == name:
                return plan, host
        names = (host.name for host in plan.hosts)
        raise UsageError(no_such("host", name, names, of="in this lab"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lab against other commands; they are refused, for what they saw changes.

        The directory itself is locked: a lock file below it would go with the lab.
        """
        if not self.directory.is_dir():
            yield  # removed by hand; what was made from it may still run
            return
        folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if not _lock(folder):
                raise RefusedError(
                    "another `adbray lab` command works here",
                    where=str(self.directory),
                    hint="wait for its end and try again",
                )
            yield
        finally:
            os.close(folder)

    def require_plain_path(self, cache: Path) -> None:
        """Raises LabError for a path that an overlay cannot have."""
        bad = sorted(_NOT_IN_PATHS & set(f"{self.base}{cache}"))
        if bad:
            raise LabError(
                f"the lab's disks cannot lie below a path with {' '.join(bad)}",
                where=str(self.directory),
                hint="choose another directory",
            )

    def public_key(self) -> str:
        """The public half of the key that opens every host; made once."""
        if not self.key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "adbray-lab",
                "-f", str(self.key))  # fmt: skip
        return self.key.with_suffix(".pub").read_text()

    def forget_pins(self, started: Sequence[LabHost]) -> None:
        """New hosts have new keys; those pinned for hosts before them at the same addresses go."""
        pins = self.directory / ".adbray" / "known_hosts"
        if pins.exists():
            for host in started:
                run("ssh-keygen", "-q", "-R", host.address, "-f", str(pins))
            pins.with_name(f"{pins.name}.old").unlink(missing_ok=True)


def _lock(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
