"""What is looked at on hosts: logs, loads, usage, leftovers, support bundles, disks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adbray_ctl.core.bundle import CollectRequest, HostFiles
    from adbray_ctl.core.observed.cleaning import DiskItem, NodeDisk
    from adbray_ctl.core.observed.loads import HostLoads
    from adbray_ctl.core.observed.logs import HostLogs, LogLine, LogRequest
    from adbray_ctl.core.orphans import Leftovers
    from adbray_ctl.core.spec.fleet import Fleet
    from adbray_ctl.core.usage.usage import HostUsage


class NodeLogs(Protocol):
    """Logs of nodes, on their hosts."""

    def find(self, fleet: Fleet, group: str) -> tuple[HostLogs, ...]:
        """What each host that is not retired has of ``group``, asked at once.

        A host without an answer says why. Raises HostKeyError as HostAccess does.
        """

    def read(
        self, fleet: Fleet, host: str, wanted: LogRequest
    ) -> AbstractContextManager[Iterator[LogLine]]:
        """The lines that are wanted of ``host``, as they come. Raises HostError."""


class BundleProbe(Protocol):
    """What hosts have for a support bundle."""

    def read(
        self, fleet: Fleet, hosts: Sequence[str], wanted: CollectRequest
    ) -> Iterator[HostFiles]:
        """All ``hosts``, asked at once, each as it answers or says why not; with secrets in it.

        Raises HostKeyError as HostAccess does.
        """


class LoadProbe(Protocol):
    """What slots use, on their hosts."""

    def watch(
        self, fleet: Fleet, hosts: Sequence[str], group: str | None, every_s: float
    ) -> AbstractContextManager[Callable[[], tuple[HostLoads, ...]]]:
        """Ask ``hosts`` again and again while the block runs, of all groups if none is named.

        Gives a function that tells each one's last answer, or why there is none; it raises
        HostKeyError as HostAccess does.
        """


class DiskCleaner(Protocol):
    """What lies on a node's disk."""

    def look(self, fleet: Fleet, host: str, group: str, node: str) -> NodeDisk:
        """All of it, by what it is. Raises HostError, also where the node has no disk."""

    def free(
        self, fleet: Fleet, host: str, group: str, node: str, items: Sequence[DiskItem]
    ) -> NodeDisk:
        """Remove ``items``, but what has come into use since; each says why it failed, if so."""


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
