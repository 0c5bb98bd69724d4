"""Where adbray keeps things on a host, and what they are called there.

Use as ``layout.ETC``, never ``from layout import ETC``: a test has these folders elsewhere.
"""

from __future__ import annotations

import os
import pwd
from typing import Any

ETC = "/etc/adbray"
MONITORING = "/etc/adbray-monitoring"
WEB = "/etc/adbray-web"
DATA = "/var/lib/adbray"
USAGE = "/var/lib/adbray-usage"
KEPT_LOGS = "/var/lib/adbray-logs"
# What each unit was started with.
STARTED = "/var/lib/adbray-units"
RUN = "/run/adbray"
RUNTIMES = "/opt/adbray"
PROGRAMS = "/usr/local/libexec/adbray"
UNITS = "/etc/systemd/system"
# What this package is run from on hosts; a process that runs keeps what it has loaded of it.
PROGRAM = "/usr/local/lib/adbray/adbray_host.pyz"
KEPT_LOGS_SETTINGS = ETC + "/.kept_logs.json"
# A unit of a slot sees its disk's own there.
TMP = "/tmp"  # noqa: S108
PROC = "/proc"
# Where systemd keeps the id of each unit's present start.
INVOCATIONS = "/run/systemd/units"
CGROUPS = "/sys/fs/cgroup"

# Ray is tried as the first, and runs as users of its group; heads log in as the second.
RAY_USER = "adbray"
SLOT_USER = "adbray-slot"


def unit_of(kind: str, group: str, slot: str) -> str:
    """The unit of a slot; a head and a group's only Redis carry the group's name alone."""
    name = group if slot == kind else group + "." + slot
    return "adbray-%s@%s.service" % (kind, name)


def record_of(group: str, name: str) -> str:
    """The path of a slot's record."""
    return os.path.join(ETC, group, name + ".json")


def started_of(unit: str) -> str:
    """Digests, by path, of what a unit was last started with (the module managed_units)."""
    return os.path.join(STARTED, unit + ".json")


def disk_of(record: dict[str, Any]) -> str:
    """Where a slot's disk is mounted. A head's is called so on a standby's host too."""
    name = "head" if record["kind"] == "head" else record["slot"]
    return os.path.join(DATA, record["group"], name)


def disks_of(record: dict[str, Any]) -> list[str]:
    """Where a slot's disks are mounted: its own, and the one of its spilled objects if apart."""
    if not record.get("disk_gb"):
        return []
    disk = disk_of(record)
    apart = (record.get("disk") or {}).get("spill")
    return [disk, disk + "/spill"] if apart else [disk]


def hold_of(group: str, slot: str) -> str:
    """The file that says until when the autoscaler leaves a slot alone."""
    return os.path.join(RUN, group, slot + ".hold")


def demand_of(group: str, slot: str) -> str:
    """The file that says that work asked for the slot, which its group does not always have."""
    return os.path.join(RUN, group, slot + ".demand")


def turns_socket() -> str:
    """Where starts ask for their turns."""
    return os.path.join(RUN, "turns.sock")


def turns_view() -> str:
    """Which starts wait, and what is known of those before."""
    return os.path.join(RUN, "turns.json")


def token_of(group: str) -> str:
    """Whose owner is the user that the group's Ray runs as here."""
    return os.path.join(ETC, group, "token")


def user_of(group: str) -> str:
    """The user that runs what Ray the group has here.

    Raises OSError where it has none; KeyError where that user is gone.
    """
    return pwd.getpwuid(os.stat(token_of(group)).st_uid).pw_name


def lease_of(group: str) -> str:
    return os.path.join(RUN, group + ".lease")


def keeper_config_of(group: str) -> str:
    return os.path.join(ETC, group, "keeper.json")


def keeper_view_of(group: str) -> str:
    """What the keeper of the group's head on this host says of itself."""
    return os.path.join(os.path.dirname(RUN), "adbray-head." + group, "keeper.json")


def scaling_of(group: str) -> str:
    """What the group's autoscaler wrote last."""
    return os.path.join(DATA, group, "head", "logs", "scaling.json")
