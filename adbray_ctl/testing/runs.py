"""What a change of a group needs: playbooks, inventories, the project's lock and group leases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.inventory.scope import Scope
from adbray_ctl.core.inventory.site import Inventory
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.testing.journal import Journal


@dataclass
class FakeRunner:
    """PlaybookRunner. Runs nothing: a test makes the outcome in the journal's ``after``."""

    journal: Journal = field(default_factory=Journal)
    scopes: list[Scope | None] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    def run(
        self, playbook: str, inventory: Path, report: Report, scope: Scope | None = None
    ) -> Path:
        self.scopes.append(scope)
        words = ["run", playbook]
        if scope is not None:
            words += [*scope.roles, "on", *scope.hosts]
            words += ["for", *scope.nodes] if scope.nodes else []
        with self.journal.deed(" ".join(words)):
            return Path(f"run-{len(self.scopes)}.log")

    def output(self, log: str, most: int) -> str:
        data = self.outputs.get(log, "").encode()
        data = data if len(data) <= most else data[-most:].partition(b"\n")[2]
        return data.decode(errors="replace")


@dataclass
class FakeInventories:
    """InventoryStore. ``written`` has what is there, ``history`` all that ever was, in order."""

    written: dict[Path, Inventory] = field(default_factory=dict)
    history: list[tuple[Path, Inventory]] = field(default_factory=list)

    def write(self, inventory: Inventory, directory: Path) -> None:
        self.written[directory] = inventory
        self.history.append((directory, inventory))

    def path(self, group: str) -> Path:
        return Path("inventory") / group

    def forget(self, group: str) -> None:
        self.written.pop(self.path(group), None)


@dataclass
class FakeLock:
    """Lock. ``held`` is what for, and empty while it is free."""

    journal: Journal = field(default_factory=Journal)
    held: str = ""

    @contextmanager
    def hold(self, purpose: str) -> Iterator[None]:
        if self.held:
            raise RefusedError(f"locked by {self.held}", hint="wait until it has ended")
        self.held = purpose
        try:
            with self.journal.deed(f"lock {purpose}"):
                pass
            yield
        finally:
            self.held = ""


@dataclass
class FakeLease:
    """Lease of one control side, ``project``; others may share its ``holders``."""

    journal: Journal = field(default_factory=Journal)
    project: str = "here"
    holders: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    @contextmanager
    def hold(self, fleet: Fleet, host: str, group: str, purpose: str) -> Iterator[None]:
        project, text = self.holders.get((host, group), (self.project, ""))
        if project != self.project:
            raise RefusedError(f"group {group} is being changed by {text}", where=host)
        mine = (self.project, f"{self.project}: {purpose}")
        self.holders[host, group] = mine
        try:
            with self.journal.deed(f"lease {group} on {host}"):
                pass
            yield
        finally:
            if self.holders.get((host, group)) == mine:
                del self.holders[host, group]

    def holder(self, fleet: Fleet, host: str, group: str) -> str | None:
        return self.holders[host, group][1] if (host, group) in self.holders else None

    def break_(self, fleet: Fleet, host: str, group: str) -> None:
        self.holders.pop((host, group), None)
