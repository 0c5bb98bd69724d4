"""The slots that stand on a host by their records, their disks, and what drifted.

What cannot be read is listed in ``unseen``, never silently left out: a planner would take it for
absent and create it twice.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from adbray_host import files, layout, records
from adbray_host.cleaning import largest
from adbray_host.mounts import disk_use, is_mounted
from adbray_host.turns import view


def slots(unseen: list[dict[str, str]]) -> list[dict[str, Any]]:
    """All slots, with how full their disks are and what their head and Sentinel say."""
    found, waits = recorded(unseen), view.waits()
    for slot in found:
        record = slot["record"]
        slot["wait"] = waits.get(record.get("unit", ""))
        slot["disks"] = [disk_use(disk) for disk in layout.disks_of(record)]
        if record.get("kind") == "head":
            slot["keeper"] = files.read_json(layout.keeper_view_of(record["group"]))
        if "sentinel" in record.get("ports", {}):
            slot["primary"] = primary(record["group"])
    largest.add([use for slot in found for use in slot["disks"]])
    return found


def recorded(unseen: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Every slot by its record, and when that was written."""
    found = []
    for path in records.paths():
        try:
            record = records.read(path)
            if record is not None:
                found.append({"record": record, "applied_at": os.stat(path).st_mtime})
        except (records.BadRecord, OSError) as error:
            unseen.append(_unread(path, error))
    return found


def primary(group: str) -> str:
    """host:port of the Redis that this host's Sentinel last wrote down as the primary."""
    path = os.path.join(layout.DATA, group, "sentinel", "sentinel.conf")
    for line in files.read(path).splitlines():
        if line.startswith("sentinel monitor "):
            return ":".join(line.split()[3:5])
    return ""


def drift(record: dict[str, Any], active: set[str]) -> list[str]:
    """What of a slot was changed by other hands, or was written and never came to be."""
    found = []
    unit = record.get("unit", "")
    started = (files.read_json(layout.started_of(unit)) if unit in active else None) or {}
    made_of = {_path_of(record): record.get("revision"), **record.get("files", {})}
    older = [path for path, digest in made_of.items() if started.get(path, digest) != digest]
    for path, digest in sorted(record.get("files", {}).items()):
        try:
            with open(path, "rb") as file:
                if hashlib.sha256(file.read()).hexdigest() != digest:
                    found.append(path + " was edited")
        except OSError:
            found.append(path + " is missing")
    found += ["its process is older than " + path for path in sorted(older)]
    if os.path.exists(layout.hold_of(record["group"], record["slot"])):
        found.append("it is held back from the autoscaler")
    disks = layout.disks_of(record)
    return found + [disk + " is not mounted" for disk in disks if not is_mounted(disk)]


def _path_of(record: dict[str, Any]) -> str:
    """All heads of a group have one name on their hosts, and so have all its Redis."""
    name = record["slot"] if record.get("kind") == "worker" else record.get("kind", "")
    return layout.record_of(record["group"], name)


def _unread(path: str, error: Exception) -> dict[str, str]:
    group, slot = os.path.basename(os.path.dirname(path)), records.name_of(path)
    kind = slot if slot in ("head", "redis") else "worker"
    unit = layout.unit_of(kind, group, slot)[: -len(".service")]
    again = "systemctl stop %s; rm %s" % (unit, path)
    return {
        "what": path,
        "why": "this slot record cannot be read (%s)" % error,
        "group": group,
        "hint": "put the file back from a backup, or run `%s` there: the next apply"
        " makes the slot again" % again,
    }
