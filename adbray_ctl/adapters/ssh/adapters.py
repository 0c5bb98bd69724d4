"""All adapters over SSH, in one import.

Paramiko takes 0.4 s to import: only commands that reach a host pay for it.
"""

from __future__ import annotations

from adbray_ctl.adapters.ssh.bundle_probe import SshBundleProbe
from adbray_ctl.adapters.ssh.cleaning import SshDisks
from adbray_ctl.adapters.ssh.drill import SshDrills
from adbray_ctl.adapters.ssh.head_state import SshHeadState
from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh.lease import HostLease
from adbray_ctl.adapters.ssh.leftovers import SshLeftovers
from adbray_ctl.adapters.ssh.loads import SshLoads
from adbray_ctl.adapters.ssh.node_logs import SshNodeLogs
from adbray_ctl.adapters.ssh.nodes import SshNodes
from adbray_ctl.adapters.ssh.redis_check import SshRedis
from adbray_ctl.adapters.ssh.usage_log import SshUsage

__all__ = (
    "HostLease",
    "KnownHosts",
    "SshBundleProbe",
    "SshDisks",
    "SshDrills",
    "SshHeadState",
    "SshHosts",
    "SshLeftovers",
    "SshLoads",
    "SshNodeLogs",
    "SshNodes",
    "SshRedis",
    "SshUsage",
)
