"""What hosts show of their nodes, in memory: logs, loads, usage, disks, files for bundles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch

from adbray_ctl.core.bundle import CollectRequest, HostFiles
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.cleaning import DiskItem, NodeDisk, Room
from adbray_ctl.core.observed.loads import HostLoads
from adbray_ctl.core.observed.logs import HostLogs, LogLine, LogRequest
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.usage.usage import HostUsage


@dataclass
class FakeNodeLogs:
    """NodeLogs. Each node has the same ``lines``, of which come those of the logs that are wanted.

    ``asked`` has each request with its host.
    """

    found: tuple[HostLogs, ...] = ()
    lines: tuple[LogLine, ...] = ()
    asked: list[tuple[str, LogRequest]] = field(default_factory=list)

    def find(self, fleet: Fleet, group: str) -> tuple[HostLogs, ...]:
        return self.found

    @contextmanager
    def read(self, fleet: Fleet, host: str, wanted: LogRequest) -> Iterator[Iterator[LogLine]]:
        self.asked.append((host, wanted))
        yield iter([line for line in self.lines if fnmatch(line.source, wanted.file)])


@dataclass
class FakeBundles:
    """BundleProbe. Hosts that are not in ``found`` have no file."""

    found: Mapping[str, HostFiles] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def read(
        self, fleet: Fleet, hosts: Sequence[str], wanted: CollectRequest
    ) -> Iterator[HostFiles]:
        self.asked += hosts
        for host in hosts:
            yield self.found.get(host, HostFiles(host=host))


@dataclass
class FakeLoads:
    """LoadProbe. One of ``looks`` after the other, the last for good; then ``error``, if any."""

    looks: Sequence[tuple[HostLoads, ...]] = ((),)
    error: HostError | None = None
    asked: list[tuple[Sequence[str], str | None]] = field(default_factory=list)

    @contextmanager
    def watch(
        self, fleet: Fleet, hosts: Sequence[str], group: str | None, every_s: float
    ) -> Iterator[Callable[[], tuple[HostLoads, ...]]]:
        self.asked.append((hosts, group))
        left = list(self.looks)

        def last() -> tuple[HostLoads, ...]:
            if self.error is not None:
                raise self.error
            return left.pop(0) if len(left) > 1 else left[0]

        yield last


@dataclass
class FakeUsageLog:
    """UsageLog. Hosts without an entry in ``answers`` give none; the others are asked there."""

    answers: Mapping[str, Callable[[int, str | None], HostUsage]] = field(default_factory=dict)

    def read(self, fleet: Fleet, since: int, group: str | None) -> tuple[HostUsage, ...]:
        return tuple(
            self.answers[host.name](since, group)
            if host.name in self.answers
            else HostUsage(host=host.name, error="no answer")
            for host in fleet.hosts
        )


_EMPTY = NodeDisk(
    host="", path="/d", runs=True, before=Room(size=1, free=1), after=Room(size=1, free=1), items=()
)


@dataclass
class FakeDisks:
    """DiskCleaner of one node. Nothing of it can be removed if there is an ``error``.

    ``after`` is the room there is once something was removed, ``freed`` the paths that were.
    """

    disk: NodeDisk = _EMPTY
    after: Room | None = None
    error: str = ""
    freed: list[str] = field(default_factory=list)

    def look(self, fleet: Fleet, host: str, group: str, node: str) -> NodeDisk:
        return self.disk.model_copy(update={"host": host})

    def free(
        self, fleet: Fleet, host: str, group: str, node: str, items: Sequence[DiskItem]
    ) -> NodeDisk:
        self.freed += [item.path for item in items]
        tried = tuple(item.model_copy(update={"error": self.error}) for item in items)
        found = self.look(fleet, host, group, node)
        after = self.after or found.after
        if not self.error:
            left = tuple(item for item in self.disk.items if item.path not in self.freed)
            self.disk = self.disk.model_copy(
                update={"items": left, "before": after, "after": after}
            )
        return found.model_copy(update={"items": tried, "after": after})
