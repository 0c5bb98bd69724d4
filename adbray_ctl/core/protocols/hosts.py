"""The outside as the services see it: one Protocol for each thing that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.backup import Entry, Secrets
from adbray_ctl.core.bundle import Masked
from adbray_ctl.core.desired.grafana import GrafanaSecrets
from adbray_ctl.core.desired.web import WebSecrets
from adbray_ctl.core.drill import Call
from adbray_ctl.core.events import RunEvent
from adbray_ctl.core.history import NodeState, Run, RunDetail, RunOutcome, RunStart
from adbray_ctl.core.inventory.group import Inventory, Site
from adbray_ctl.core.jobs import Job, JobRequest, UploadRoom
from adbray_ctl.core.observed.gpus import BurnIn
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.orphans import Leftovers
from adbray_ctl.core.preflight.fixes import HostFixes, HostFixResults
from adbray_ctl.core.preflight.readings import HostAnswer
from adbray_ctl.core.preflight.redis import Cleared, Namespaces, RedisReading
from adbray_ctl.core.slot.record import NodeAt, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.redis import RedisSpec
from adbray_ctl.core.usage.usage import HostUsage

Report: TypeAlias = Callable[[RunEvent], None]


class Scope(BaseModel):
    """A part of a playbook: these hosts, the roles of these names, and these nodes alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hosts: tuple[str, ...]
    roles: tuple[str, ...]
    nodes: tuple[str, ...]


class Specs(Protocol):
    """The spec files of one project."""

    def fleet(self) -> Fleet:
        """Raises SpecError with every fault of fleet.yml."""

    def group(self, name: str, fleet: Fleet) -> RayClusterSpec:
        """Raises SpecError with every fault of groups/<name>.yml."""

    def names(self) -> tuple[str, ...]:
        """The groups there are files for, sorted."""

    def text(self, group: str | None) -> str:
        """What groups/<group>.yml says, or fleet.yml for None, as it was written."""

    def where(self, host: str) -> str:
        """Where fleet.yml has ``host``, as file:line."""

    def masked(self, text: str) -> Masked:
        """``text``, of a spec file, without values that may be secret. Raises SpecError."""


class ProjectFiles(Specs, Protocol):
    """The spec files, and the writing of first ones; nothing that exists is overwritten."""

    def edit_group(self, name: str, changes: Mapping[tuple[str | int, ...], int | str]) -> str:
        """Set values in groups/<name>.yml by key path, keep all else, and give the old text.

        Raises SpecError, with the file as it was, if the outcome would not be a valid spec.
        """

    def replace_group(self, name: str, text: str) -> str:
        """Write ``text`` to groups/<name>.yml and give the old text.

        Raises SpecError, with the file as it was, if ``text`` is no valid spec in today's fleet.
        """

    def retire(self, host: str, successor: tuple[str, str] | None = None) -> str:
        """Set ``retired`` on a host in fleet.yml, keep all else, and give the old text.

        ``successor``, name and address, is added as a host with the same labels, capacity and SSH
        settings. Raises SpecError, with the file as it was, if the outcome would not be a fleet.
        """

    def put_back(self, name: str | None, text: str) -> None:
        """Write ``text``, an older one of the file, to groups/<name>.yml, or to fleet.yml."""

    def has_fleet(self) -> bool:
        """Whether there is a fleet.yml."""

    def write_fleet(self, text: str) -> Path:
        """Write fleet.yml. Raises RefusedError if there is one, SpecError if ``text`` is none."""

    def write_group(self, name: str, text: str) -> Path:
        """Write groups/<name>.yml. Raises as ``write_fleet`` does."""

    def write_schemas(self) -> None:
        """Write the JSON Schemas that the files' modelines name."""

    def template(self, name: str) -> str:
        """A file of the package's templates."""


class HostAccess(Protocol):
    """Plain SSH to the fleet's hosts."""

    def observe(self, fleet: Fleet, hosts: Sequence[str] | None = None) -> Observed:
        """Ask all hosts (or those named) at once; a host that gives no answer says why.

        Raises HostKeyError when a host's key is not the pinned one: that is never tolerated.
        """

    def read_hosts(self, fleet: Fleet) -> tuple[HostAnswer, ...]:
        """All hosts' readings for a check, asked at once; a silent one says which step failed.

        Raises HostKeyError as ``observe`` does.
        """

    def burn_in(self, fleet: Fleet, hosts: Sequence[str], seconds: float) -> tuple[BurnIn, ...]:
        """Have each card of ``hosts`` carry data for ``seconds``, all hosts at once."""

    def fix_hosts(self, fleet: Fleet, wanted: Sequence[HostFixes]) -> tuple[HostFixResults, ...]:
        """Make safe fixes on the hosts named, at once. Raises HostKeyError as ``observe`` does."""

    def read_file(self, fleet: Fleet, host: str, path: str) -> bytes:
        """A file of ``host``, read as root. Raises HostError when it cannot be read."""


class LeftoverProbe(Protocol):
    """What stands on hosts beside the groups' own things."""

    def read(self, fleet: Fleet, hosts: Sequence[str]) -> tuple[Leftovers, ...]:
        """Ask ``hosts`` at once. Raises HostError if one gives no answer."""


class UsageLog(Protocol):
    """What hosts wrote down of when their heads and workers ran."""

    def read(self, fleet: Fleet, since: int, group: str | None) -> tuple[HostUsage, ...]:
        """What did not end before ``since``, on all hosts, asked at once; of ``group`` if named.

        A host without an answer says why. Raises HostKeyError as HostAccess does.
        """


class Nodes(Protocol):
    """What is done to running nodes without Ansible."""

    def drain(self, fleet: Fleet, head: str, record: SlotRecord, nodes: Sequence[str]) -> None:
        """Have Ray place nothing more on ``nodes`` (Ray node ids), and end each once it is idle.

        ``head`` is the host of the head whose ``record`` it is. Raises HostError.
        """

    def stop(self, fleet: Fleet, units: Mapping[str, Sequence[str]]) -> None:
        """Stop systemd units, by host, on all hosts at once. Raises HostError."""

    def boot(self, fleet: Fleet, host: str) -> None:
        """Have ``host`` boot; returns before it goes down. Raises HostError."""

    def hold(
        self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]], seconds: float
    ) -> None:
        """Keep the autoscaler from starting worker slots, by host, for at most ``seconds``.

        A boot of the host ends it too. Raises HostError.
        """

    def release(self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]]) -> None:
        """Give worker slots, by host, to the autoscaler again. Raises HostError."""

    def try_ray(self, fleet: Fleet, hosts: Sequence[str], venv: str, version: str) -> None:
        """Run a task on a Ray of its own on each host, apart from the network and from all slots.

        Raises ClusterError, telling for each host why it failed.
        """


class RedisProbe(Protocol):
    """A Redis that is already there, asked from the host that will need it."""

    def read(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> RedisReading:
        """``namespace`` is the group's, whose keys its user may use.

        Raises HostError if ``host`` cannot ask, SpecError if there is no password.
        """

    def namespaces(self, fleet: Fleet, host: str, redis: RedisSpec) -> Namespaces:
        """What clusters of adbray's keep there. Raises as ``read`` does."""

    def clear(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> Cleared:
        """Remove a namespace that no head leads. Raises as ``read`` does."""


class HeadState(Protocol):
    """What the head of a group keeps in Redis, reached from one of its hosts."""

    def take(self, fleet: Fleet, host: str, group: str) -> tuple[Entry, ...]:
        """All of it, as it was at one moment. Raises HostError."""

    def put(self, fleet: Fleet, host: str, group: str, entries: Sequence[Entry]) -> None:
        """Have these instead of what there is; no head may run. Raises HostError."""


class Drills(Protocol):
    """Faults made for real on running hosts, and a driver that watches what they do."""

    def break_process(
        self, fleet: Fleet, host: str, unit: str, process: str, *, hang: bool
    ) -> None:
        """Kill processes of ``unit``, or stop them for good if ``hang``.

        ``process`` is their name, empty for all of them. Raises HostError.
        """

    def cut(self, fleet: Fleet, host: str, others: Sequence[str], seconds: int) -> None:
        """Leave ``host`` without a way to the addresses ``others``; it mends that by itself.

        Raises HostError.
        """

    def watch(
        self, fleet: Fleet, host: str, worker: SlotRecord, gcs: str
    ) -> AbstractContextManager[Callable[[], tuple[Call, ...]]]:
        """A driver inside of ``worker`` that calls an actor and a task while the block runs.

        Gives a function that tells the calls so far. Raises HostError.
        """


class Lease(Protocol):
    """One writer at a time for a group, whoever it is: kept on the group's head host."""

    def hold(
        self, fleet: Fleet, host: str, group: str, purpose: str
    ) -> AbstractContextManager[None]:
        """Hold the lease while the block runs. Raises RefusedError naming who holds it."""

    def holder(self, fleet: Fleet, host: str, group: str) -> str | None:
        """Who holds it, since when and until when; None when nobody does."""

    def break_(self, fleet: Fleet, host: str, group: str) -> None:
        """Take it from whoever holds it."""


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


class PlaybookRunner(Protocol):
    """Runs a playbook on an inventory."""

    def run(
        self, playbook: str, inventory: Path, report: Report, scope: Scope | None = None
    ) -> Path:
        """Run to the end and give the log's path.

        Raises RunError naming host, task and the log when anything failed.
        """

    def output(self, log: str, most: int) -> str:
        """The last lines of a run's log, of ``most`` bytes; nothing if it is not there."""


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


class PowerDriver(Protocol):
    """Runs the commands that wake hosts, on this machine."""

    def run(self, host: str, words: Sequence[str]) -> None:
        """Run one of ``host``'s commands to its end. Raises HostError with what it said."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds, monotonic."""

    def time(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class JobApi(Protocol):
    """Ray's job submission API of one group."""

    def check(self) -> str:
        """Ray's version. Raises ClusterError when the address or the token is refused."""

    def room(self) -> UploadRoom | None:
        """What the cluster's store takes now; None of a head that does not say."""

    def submit(self, request: JobRequest) -> str:
        """Submit and give the job's submission id."""

    def list(self) -> tuple[Job, ...]:
        """All jobs, newest first."""

    def status(self, job_id: str) -> Job:
        """One job. Raises ClusterError when there is none of that id."""

    def logs(self, job_id: str) -> str:
        """What the job printed so far."""

    def follow(self, job_id: str) -> Iterator[str]:
        """The job's output as it comes, until the job ends."""

    def stop(self, job_id: str) -> bool:
        """Ask the job to stop; False when it had ended already."""
