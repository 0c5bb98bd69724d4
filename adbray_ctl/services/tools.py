"""The outside of one project, as one value the services are handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adbray_ctl.core.jobs.working_dir import DirectoryFile
    from adbray_ctl.core.protocols.hosts import (
        Drills,
        HeadState,
        HostAccess,
        Lease,
        Nodes,
        RedisProbe,
    )
    from adbray_ctl.core.protocols.nodes import (
        BundleProbe,
        DiskCleaner,
        LeftoverProbe,
        LoadProbe,
        NodeLogs,
        UsageLog,
    )
    from adbray_ctl.core.protocols.runs import Clock, JobApi, PlaybookRunner, PowerDriver
    from adbray_ctl.core.protocols.specs import Specs
    from adbray_ctl.core.protocols.state import Archives, History, InventoryStore, Lock, SecretStore


@dataclass(frozen=True)
class Tools:
    """The ports.

    ``jobs`` makes a group's job client from its dashboard address and token file;
    ``list_files`` gives what Ray would upload of a working directory.
    """

    specs: Specs
    hosts: HostAccess
    leftovers: LeftoverProbe
    usage: UsageLog
    nodes: Nodes
    logs: NodeLogs
    bundles: BundleProbe
    loads: LoadProbe
    disks: DiskCleaner
    secrets: SecretStore
    inventories: InventoryStore
    archives: Archives
    runner: PlaybookRunner
    lock: Lock
    lease: Lease
    history: History
    clock: Clock
    power: PowerDriver
    drills: Drills
    redis: RedisProbe
    state: HeadState
    jobs: Callable[[str, str], JobApi]
    list_files: Callable[[Path], tuple[DirectoryFile, ...]]
