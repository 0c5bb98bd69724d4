"""The slots and units that stand on a host, and what of them cannot be seen.

It travels with the probe. Standard library only, Python 3.7 or newer, and it changes nothing.
Whatever cannot be read is listed in ``unseen``, never silently left out: a planner would take it
for absent and create it twice.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import re
import subprocess
import time
from typing import Any

# The names of slots, and so of their records: head, standby-N, redis, redis-N, WORKER_GROUP-N.
_RECORD = re.compile(r"(head|redis|[a-z][a-z0-9-]*-[0-9]+)\.json$")
_UNIT = re.compile(r"adbray-(head|redis|worker)@([a-z0-9-]+)(?:\.([a-z0-9-]+))?\.service$")
_SHOWN = (
    "Id,ActiveState,SubState,NRestarts,UnitFileState,ExecMainStartTimestampMonotonic"
    ",Result,LoadState,DropInPaths"
)
_RUNS = ("active", "activating", "reloading", "deactivating")
_SYSTEMD_S = 10


def host_keys() -> list[str]:
    """The fingerprints of the SSH host keys, as ssh-keygen prints them."""
    found = []
    for path in sorted(glob.glob("/etc/ssh/ssh_host_*_key.pub")):
        try:
            with open(path) as file:
                key = base64.b64decode(file.read().split()[1])
        except (OSError, IndexError, ValueError):
            continue
        digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
        found.append("SHA256:" + digest.rstrip("="))
    return found


def slots(folder: str, unseen: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Every slot by its record below ``folder``, and when that was written.

    A copy of a record in another place is none: a record names its group and its slot.
    """
    found = []
    for path in sorted(glob.glob(folder + "/*/*.json")):
        group, name = path.split("/")[-2:]
        if not _RECORD.match(name):
            continue
        slot = name[: -len(".json")]
        try:
            with open(path, encoding="utf-8") as file:
                record = json.load(file)
            # A standby's record is in head.json too, that of a redis-N in redis.json.
            if record["group"] == group and slot in (record["slot"], record["kind"]):
                found.append({"record": record, "applied_at": os.stat(path).st_mtime})
        except (OSError, ValueError, KeyError, TypeError) as error:
            kind = slot if slot in ("head", "redis") else "worker"
            unit = "adbray-%s@%s" % (kind, group if kind == slot else group + "." + slot)
            again = "systemctl stop %s; rm %s" % (unit, path)
            unseen.append(
                {
                    "what": path,
                    "why": "this slot record cannot be read (%s)" % error,
                    "group": group,
                    "hint": "put the file back from a backup, or run `%s` there: the next apply"
                    " makes the slot again" % again,
                }
            )
    return found


def units(folder: str, unseen: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The states of adbray's units."""
    # By their files: a prepared unit is not loaded, so that a glob would not show it.
    names = [name for name in listdir(folder) if re.match(r"adbray-.*(?<!@)\.service$", name)]
    if not names:
        return []
    command = ["systemctl", "show", "--property=" + _SHOWN, *names]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, timeout=_SYSTEMD_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        late = isinstance(error, subprocess.TimeoutExpired)
        why = "no answer within %d s" % _SYSTEMD_S if late else "it fails (%s)" % error
        hint = "run `systemctl status` there: without it, it is not known what runs"
        unseen.append({"what": "systemctl show", "why": why, "hint": hint})
        return []
    found = []
    for block in result.stdout.decode(errors="replace").strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("Id"):
            found.append(
                {
                    "unit": fields["Id"],
                    "active": fields.get("ActiveState", ""),
                    "sub": fields.get("SubState", ""),
                    "restarts": int(fields.get("NRestarts") or 0),
                    "started_at": _started_at(fields),
                    "enabled": fields.get("UnitFileState") == "enabled",
                    "result": fields.get("Result", ""),
                    "load": fields.get("LoadState", ""),
                    "overrides": fields.get("DropInPaths", "").split(),
                }
            )
    return found


def without_record(
    folder: str,
    found: list[dict[str, Any]],
    running: list[dict[str, Any]],
    unseen: list[dict[str, str]],
) -> None:
    """Report the units that run and whose slot is neither ``found`` nor in ``unseen``."""
    records = [one["record"] for one in found]
    known = [(one["group"], name) for one in records for name in (one["slot"], one["kind"])]
    reported = [one["what"] for one in unseen]
    for unit in running:
        match = _UNIT.match(unit["unit"])
        if match is None or unit["active"] not in _RUNS:
            continue
        kind, group, slot = match.groups()
        path = "%s/%s/%s.json" % (folder, group, slot or kind)
        if (group, slot or kind) in known or path in reported:
            continue
        why = "is the record of another slot" if os.path.exists(path) else "is not there"
        unseen.append(
            {
                "what": unit["unit"],
                "why": "it runs, and its record %s %s" % (path, why),
                "group": group,
                "hint": "put the file back, mount what should be there, or run `systemctl stop %s`"
                " there: the next apply makes the slot again" % unit["unit"],
            }
        )


def listdir(path: str) -> list[str]:
    """The names in ``path``; none if it is no folder."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def _started_at(fields: dict[str, str]) -> float:
    """When the unit's main process started, in seconds since the epoch; 0 when it never did."""
    since_boot = int(fields.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
    return since_boot + time.time() - time.monotonic() if since_boot else 0.0
