"""adbray's units on a host, and those that run without a record that is theirs."""

from __future__ import annotations

import os
import re
import time
from typing import Any

from adbray_host import files, layout, systemd

_UNIT = re.compile(r"adbray-(head|redis|worker)@([a-z0-9-]+)(?:\.([a-z0-9-]+))?\.service$")
_SHOWN = (
    *("ActiveState", "SubState", "NRestarts", "UnitFileState", "ExecMainStartTimestampMonotonic"),
    *("Result", "LoadState", "DropInPaths", "InvocationID"),
)
_WITHIN_S = 10


def units(unseen: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The states of adbray's units."""
    # By their files: a prepared unit is not loaded, so that a glob would not show it.
    here = files.names_in(layout.UNITS)
    names = [name for name in here if re.match(r"adbray-.*(?<!@)\.service$", name)]
    try:
        shown = systemd.show(names, _SHOWN, _WITHIN_S)
    except systemd.SystemdError as error:
        hint = "run `systemctl status` there: without it, it is not known what runs"
        unseen.append({"what": "systemctl show", "why": str(error), "hint": hint})
        return []
    return [_state(unit, fields) for unit, fields in shown.items()]


def without_record(
    found: list[dict[str, Any]], running: list[dict[str, Any]], unseen: list[dict[str, str]]
) -> None:
    """Report the units that run and whose slot is neither ``found`` nor in ``unseen``."""
    recorded = [one["record"] for one in found]
    known = [(one["group"], name) for one in recorded for name in (one["slot"], one["kind"])]
    reported = [one["what"] for one in unseen]
    for unit in running:
        match = _UNIT.match(unit["unit"])
        if match is None or unit["active"] not in systemd.RUNNING:
            continue
        kind, group, slot = match.groups()
        path = layout.record_of(group, slot or kind)
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


def _state(unit: str, fields: dict[str, str]) -> dict[str, Any]:
    return {
        "unit": unit,
        "active": fields.get("ActiveState", ""),
        "sub": fields.get("SubState", ""),
        "restarts": int(fields.get("NRestarts") or 0),
        "started_at": _started_at(fields),
        "start": fields.get("InvocationID", ""),
        "enabled": fields.get("UnitFileState") == "enabled",
        "result": fields.get("Result", ""),
        "load": fields.get("LoadState", ""),
        "overrides": fields.get("DropInPaths", "").split(),
    }


def _started_at(fields: dict[str, str]) -> float:
    """When the unit's main process started, in seconds since the epoch; 0 when it never did."""
    since_boot = int(fields.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
    return since_boot + time.time() - time.monotonic() if since_boot else 0.0
