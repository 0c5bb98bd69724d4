"""Hosts over SSH, as the services see them: what is asked of them, and done there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adbray_ctl.core.backup import Entry
    from adbray_ctl.core.drill import Call
    from adbray_ctl.core.observed.gpus import BurnIn
    from adbray_ctl.core.observed.hosts import Observed
    from adbray_ctl.core.preflight.fixes import HostFixes, HostFixResults
    from adbray_ctl.core.preflight.readings import HostAnswer
    from adbray_ctl.core.preflight.redis import Cleared, Namespaces, RedisReading
    from adbray_ctl.core.slot.record import SlotRecord
    from adbray_ctl.core.spec.fleet import Fleet
    from adbray_ctl.core.spec.redis import RedisSpec


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
