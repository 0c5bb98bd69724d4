"""The slots of a host, by the records that the roles write of them."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from adbray_host import layout

# The names of slots, and so of their records: head, standby-N, redis, redis-N, WORKER_GROUP-N.
_NAME = re.compile(r"head|redis|[a-z][a-z0-9-]*-[0-9]+", re.ASCII)


class BadRecord(Exception):
    """A record that cannot be read; the message says why."""


def paths(group: str = "*") -> list[str]:
    """Every file that is named as a record is."""
    found = glob.glob(layout.record_of(group, "*"))
    return sorted(path for path in found if _NAME.fullmatch(name_of(path)))


def name_of(path: str) -> str:
    """What a record's file is called: the slot, or `head` and `redis` for one of several."""
    return os.path.basename(path)[: -len(".json")]


def read(path: str) -> dict[str, Any] | None:
    """A slot's record; None for a copy of one in another place. Raises BadRecord.

    A record names its group and its slot. A standby's is in head.json too, that of a redis-N in
    redis.json.
    """
    try:
        with open(path, encoding="utf-8") as file:
            record: dict[str, Any] = json.load(file)
        group = os.path.basename(os.path.dirname(path))
        own = record["group"] == group and name_of(path) in (record["slot"], record["kind"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRecord(str(error)) from error
    return record if own else None


def of(group: str = "*") -> Iterator[dict[str, Any]]:
    """The records that can be read, of a group or of all."""
    for path in paths(group):
        try:
            record = read(path)
        except BadRecord:
            continue
        if record is not None:
            yield record


def units_of(group: str, record: dict[str, Any] | None = None) -> list[str]:
    """The group's units that have a file here, or those of one slot."""
    found = []
    for name in sorted(os.listdir(layout.UNITS)):
        match = re.fullmatch(r"adbray-([a-z-]+)@([a-z0-9-]+)(\..+)?\.service", name)
        if not match or match.group(2) != group:
            continue
        beside = record is not None and record["kind"] == "redis" and match.group(3) is None
        of_redis = beside and match.group(1) != "head"
        if record is None or name == record.get("unit") or of_redis:
            found.append(name)
    return found
