"""The composition root: the one place that makes adapters and hands them to the services.

Each is imported when it is made, and made when it is used: a command pays for those that it needs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from adbray_ctl.adapters.clock import SystemClock
from adbray_ctl.services.tools import Tools

if TYPE_CHECKING:
    from adbray_ctl.adapters.ssh.hosts import SshHosts
    from adbray_ctl.core.jobs.working_dir import DirectoryFile
    from adbray_ctl.core.lab import Lab
    from adbray_ctl.core.protocols.hosts import Drills, HeadState, Lease, Nodes, RedisProbe
    from adbray_ctl.core.protocols.nodes import (
        BundleProbe,
        DiskCleaner,
        LeftoverProbe,
        LoadProbe,
        NodeLogs,
        UsageLog,
    )
    from adbray_ctl.core.protocols.runs import JobApi, PlaybookRunner
    from adbray_ctl.core.protocols.specs import ProjectFiles
    from adbray_ctl.core.protocols.state import (
        Archives,
        CrashReports,
        History,
        InventoryStore,
        SecretStore,
    )

_STATE = ".adbray"

T = TypeVar("T")


def tools(directory: Path) -> Tools:
    """The adapters of the project in ``directory``; nothing is touched until they are used."""
    return _tools(directory, directory / _STATE)


def _tools(directory: Path, state: Path) -> Tools:
    from adbray_ctl.adapters.power import LocalPower
    from adbray_ctl.adapters.state.lock_file import LockFile

    hosts = _when_used(lambda: _hosts(state))
    return Tools(
        specs=project_files(directory),
        hosts=hosts,
        leftovers=_when_used(lambda: _leftovers(hosts)),
        usage=_when_used(lambda: _usage(hosts)),
        nodes=_when_used(lambda: _nodes(hosts)),
        logs=_when_used(lambda: _logs(hosts)),
        bundles=_when_used(lambda: _bundles(hosts)),
        loads=_when_used(lambda: _loads(hosts)),
        disks=_when_used(lambda: _disks(hosts)),
        secrets=_when_used(lambda: _secrets(state)),
        inventories=_when_used(lambda: _inventories(state)),
        archives=_when_used(_archives),
        runner=_when_used(lambda: _runner(state)),
        lock=LockFile(state / "lock"),
        lease=_when_used(lambda: _lease(hosts, state)),
        history=_when_used(lambda: _history(state)),
        clock=SystemClock(),
        power=LocalPower(),
        drills=_when_used(lambda: _drills(hosts)),
        redis=_when_used(lambda: _redis(hosts)),
        state=_when_used(lambda: _head_state(hosts)),
        jobs=_jobs,
        list_files=_list_files,
    )


class _Later:
    """Makes an object by ``make`` at its first use, and passes all uses on to it."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> object:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def _when_used(make: Callable[[], T]) -> T:
    """What ``make`` makes, which is made when it is first used."""
    return cast("T", _Later(make))


def _hosts(state: Path) -> SshHosts:
    from adbray_ctl.adapters.ssh.hosts import SshHosts
    from adbray_ctl.adapters.ssh.known_hosts import KnownHosts

    return SshHosts(KnownHosts(state / "known_hosts"))


def _leftovers(hosts: SshHosts) -> LeftoverProbe:
    from adbray_ctl.adapters.ssh.leftovers import SshLeftovers

    return SshLeftovers(hosts)


def _usage(hosts: SshHosts) -> UsageLog:
    from adbray_ctl.adapters.ssh.usage_log import SshUsage

    return SshUsage(hosts)


def _nodes(hosts: SshHosts) -> Nodes:
    from adbray_ctl.adapters.ssh.nodes import SshNodes

    return SshNodes(hosts)


def _logs(hosts: SshHosts) -> NodeLogs:
    from adbray_ctl.adapters.ssh.node_logs import SshNodeLogs

    return SshNodeLogs(hosts)


def _bundles(hosts: SshHosts) -> BundleProbe:
    from adbray_ctl.adapters.ssh.bundle_probe import SshBundleProbe

    return SshBundleProbe(hosts)


def _loads(hosts: SshHosts) -> LoadProbe:
    from adbray_ctl.adapters.ssh.loads import SshLoads

    return SshLoads(hosts)


def _disks(hosts: SshHosts) -> DiskCleaner:
    from adbray_ctl.adapters.ssh.cleaning import SshDisks

    return SshDisks(hosts)


def _drills(hosts: SshHosts) -> Drills:
    from adbray_ctl.adapters.ssh.drill import SshDrills

    return SshDrills(hosts)


def _redis(hosts: SshHosts) -> RedisProbe:
    from adbray_ctl.adapters.ssh.redis_check import SshRedis

    return SshRedis(hosts)


def _head_state(hosts: SshHosts) -> HeadState:
    from adbray_ctl.adapters.ssh.head_state import SshHeadState

    return SshHeadState(hosts)


def _inventories(state: Path) -> InventoryStore:
    from adbray_ctl.adapters.state.inventory_store import InventoryFiles

    return InventoryFiles(state)


def _archives() -> Archives:
    from adbray_ctl.adapters.state.archives import ArchiveFiles

    return ArchiveFiles()


def _runner(state: Path) -> PlaybookRunner:
    from adbray_ctl.adapters.ansible.runner import AnsibleRunner

    return AnsibleRunner(state / "runs")


def _history(state: Path) -> History:
    from adbray_ctl.adapters.state.history_db import HistoryDb

    return HistoryDb(state / "history.db")


def _lease(hosts: SshHosts, state: Path) -> Lease:
    from adbray_ctl.adapters.ssh.lease import HostLease

    return HostLease(hosts, state / "identity")


def _secrets(state: Path) -> SecretStore:
    from adbray_ctl.adapters.content import package_dir
    from adbray_ctl.adapters.state.private import require_private
    from adbray_ctl.adapters.state.secret_files import SecretFiles

    require_private(state)
    return SecretFiles(state, cache_dir(), package_dir())


def _jobs(address: str, token_file: str) -> JobApi:
    from adbray_ctl.adapters.ray.jobs import RayJobs

    return RayJobs(address=address, token_file=token_file)


def _list_files(folder: Path) -> tuple[DirectoryFile, ...]:
    from adbray_ctl.adapters.ray.working_dir import list_files

    return list_files(folder)


def project_files(directory: Path) -> ProjectFiles:
    """The spec files of ``directory``."""
    from adbray_ctl.adapters.specs.project import ProjectFiles

    return ProjectFiles(directory)


def lab(directory: Path) -> Lab:
    """The lab of ``directory``."""
    from adbray_ctl.adapters.lab.lab import MachineLab

    return MachineLab(directory, cache_dir())


def crash_reports(directory: Path) -> CrashReports:
    """What is kept of faults in the project of ``directory``."""
    from adbray_ctl.adapters.state.crash_file import CrashFiles

    return CrashFiles(directory / _STATE)


def cache_dir() -> Path:
    """Wheels and lab images, shared by all projects of a user (XDG Base Directory)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "adbray"
