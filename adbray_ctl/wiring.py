"""The composition root: the one place that makes adapters and hands them to the services.

Each is imported when it is made.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adbray_ctl.core.lab import Lab
    from adbray_ctl.core.protocols.specs import ProjectFiles
    from adbray_ctl.core.protocols.state import CrashReports
    from adbray_ctl.services.tools import Tools

_STATE = ".adbray"


def tools(directory: Path) -> Tools:
    """The adapters of the project in ``directory``; nothing is touched until they are used."""
    return _tools(directory, directory / _STATE)


def _tools(directory: Path, state: Path) -> Tools:
    from adbray_ctl.adapters.ansible.runner import AnsibleRunner
    from adbray_ctl.adapters.clock import SystemClock
    from adbray_ctl.adapters.content import package_dir
    from adbray_ctl.adapters.power import LocalPower
    from adbray_ctl.adapters.ray.jobs import RayJobs
    from adbray_ctl.adapters.ray.working_dir import list_files
    from adbray_ctl.adapters.ssh import adapters as ssh
    from adbray_ctl.adapters.state.archives import ArchiveFiles
    from adbray_ctl.adapters.state.history_db import HistoryDb
    from adbray_ctl.adapters.state.inventory_store import InventoryFiles
    from adbray_ctl.adapters.state.lock_file import LockFile
    from adbray_ctl.adapters.state.secret_files import SecretFiles
    from adbray_ctl.services.tools import Tools

    hosts = ssh.SshHosts(ssh.KnownHosts(state / "known_hosts"))
    return Tools(
        specs=project_files(directory),
        hosts=hosts,
        leftovers=ssh.SshLeftovers(hosts),
        usage=ssh.SshUsage(hosts),
        nodes=ssh.SshNodes(hosts),
        logs=ssh.SshNodeLogs(hosts),
        bundles=ssh.SshBundleProbe(hosts),
        loads=ssh.SshLoads(hosts),
        disks=ssh.SshDisks(hosts),
        secrets=SecretFiles(state, cache_dir(), package_dir()),
        inventories=InventoryFiles(state),
        archives=ArchiveFiles(),
        runner=AnsibleRunner(state / "runs"),
        lock=LockFile(state / "lock"),
        lease=ssh.HostLease(hosts, state / "identity"),
        history=HistoryDb(state / "history.db"),
        clock=SystemClock(),
        power=LocalPower(),
        drills=ssh.SshDrills(hosts),
        redis=ssh.SshRedis(hosts),
        state=ssh.SshHeadState(hosts),
        jobs=lambda address, token_file: RayJobs(address=address, token_file=token_file),
        list_files=list_files,
    )


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
