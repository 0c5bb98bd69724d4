"""What the control machine keeps, as the services see it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adbray_ctl.core.backup import Backup, Secrets
    from adbray_ctl.core.bundle import Bundle
    from adbray_ctl.core.desired.grafana import GrafanaSecrets
    from adbray_ctl.core.desired.web import WebSecrets
    from adbray_ctl.core.history import NodeState, Run, RunDetail, RunOutcome, RunStart
    from adbray_ctl.core.inventory.site import Inventory, Site
    from adbray_ctl.core.slot.record import NodeAt


class SecretStore(Protocol):
    """Secrets of the groups, on the control side, readable by their owner only."""

    def site(self, group: str) -> Site:
        """Where the group's secrets and the control side's shared files are."""

    def has(self, group: str) -> bool:
        """Whether the group's secrets are all there."""

    def create(self, group: str) -> None:
        """Make the group's secrets that are not there yet."""

    def store(self, group: str, secrets: Secrets) -> None:
        """Make those of ``secrets`` that are known the group's."""

    def load(self, group: str) -> Secrets:
        """The group's secrets, which are all there."""

    def all(self, files: Sequence[str]) -> tuple[str, ...]:
        """The text of every secret here, of whichever group, and of those ``files`` there are."""

    def forget(self, group: str) -> None:
        """Remove the group's secrets."""

    def has_grafana(self) -> bool:
        """Whether what the fleet's Grafana is made with is there."""

    def store_grafana(self, secrets: GrafanaSecrets) -> None:
        """Keep what a Grafana that stands was made with."""

    def create_grafana(self) -> None:
        """Draw what a new Grafana is made with."""

    def has_web(self) -> bool:
        """Whether the password for browsers is there."""

    def create_web(self, address: str) -> None:
        """Make what of it is not there yet, with a certificate for ``address``."""

    def store_web(self, found: WebSecrets) -> None:
        """Make ``found`` what browsers need."""

    def new_id(self) -> str:
        """Eight fresh hex digits."""


class InventoryStore(Protocol):
    """Rendered inventories."""

    def write(self, inventory: Inventory, directory: Path) -> None:
        """Write hosts.yml, group_vars and host_vars; files that are no longer wanted go."""

    def path(self, group: str) -> Path:
        """The group's place under `.adbray/`."""

    def forget(self, group: str) -> None:
        """Remove the group's rendered inventory."""


class Archives(Protocol):
    """Files that a command hands to its user, readable by their owner alone."""

    def write_backup(self, path: Path, backup: Backup) -> None:
        """Raises RefusedError if there is something at ``path``."""

    def read_backup(self, path: Path) -> Backup:
        """Raises UsageError if it is not a backup that this version can read."""

    def write_bundle(self, path: Path, bundle: Bundle, made_at: float) -> None:
        """Raises RefusedError if there is something at ``path``; what broke off does not stay."""


class CrashReports(Protocol):
    """What is kept of faults of adbray itself."""

    def write(self, trace: str, now: float) -> Path:
        """Keep ``trace`` without secrets. Raises AdbrayError or OSError."""


class Lock(Protocol):
    """One writer at a time."""

    def hold(self, purpose: str) -> AbstractContextManager[None]:
        """Hold the project's lock. Raises RefusedError naming who holds it."""


class History(Protocol):
    """The runs of this project, oldest first by number."""

    def begin(self, start: RunStart) -> int:
        """Record a run that begins now, carried out by this process, and give its number."""

    def mark(self, number: int, nodes: tuple[NodeAt, ...], state: NodeState, at: float) -> None:
        """Record that nodes of a run came to ``state`` at ``at``, seconds since the epoch.

        A node of the same name on another host stays as it is.
        """

    def log(self, number: int, path: str) -> None:
        """Record where a part of the run's output is."""

    def end(self, number: int, outcome: RunOutcome, at: float, error: str = "") -> None:
        """Record how a run ended."""

    def runs(self, group: str | None, limit: int) -> tuple[Run, ...]:
        """The last runs, newest first; one whose process died is told as interrupted."""

    def run(self, number: int) -> RunDetail:
        """One run. Raises UsageError when there is none of that number."""
