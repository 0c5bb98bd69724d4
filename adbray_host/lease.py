"""The command `lease VERB GROUP OWNER SECONDS`: who may change a group, on its head's host.

VERB is take, renew, give, break or show; OWNER the JSON object of an id and a text, or nothing.
Under flock, and by the host's own clock alone. Below /run: a host that booted has no lease.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Any

from adbray_host import layout


def main(words: list[str]) -> None:
    verb, group, owner, seconds = words
    held = _change(verb, group, json.loads(owner) if owner else {}, int(seconds))
    print(json.dumps({"held": held, "now": time.time()}))


def _change(verb: str, group: str, owner: dict[str, str], seconds: int) -> dict[str, Any] | None:
    """Who else holds the lease; for `show`, its holder."""
    path = layout.lease_of(group)
    # Renewed also where the host has booted meanwhile, but not where the last group was removed.
    if verb == "take" or (verb == "renew" and os.path.isdir(layout.ETC)):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    elif not os.path.exists(path):
        return None
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return _decided(handle, verb, owner, seconds)
    finally:
        os.close(handle)


def _decided(handle: int, verb: str, owner: dict[str, str], seconds: int) -> dict[str, Any] | None:
    text, now = os.read(handle, 4096).decode(), time.time()
    held: dict[str, Any] | None = json.loads(text) if text else None
    if held and held["until"] < now:
        held = None
    mine = held is not None and held["owner"]["id"] == owner.get("id")
    if verb in ("take", "renew") and (held is None or mine):
        since = held["since"] if held else now
        _write(handle, json.dumps({"owner": owner, "since": since, "until": now + seconds}))
        return None
    # Emptied and not unlinked: another may have it open and wait for the lock.
    if verb == "break":
        _write(handle, "")
    if verb == "give" and held and mine:
        # Run out, it still says who changed the group last.
        _write(handle, json.dumps(dict(held, until=0)))
    return held


def _write(handle: int, text: str) -> None:
    os.lseek(handle, 0, os.SEEK_SET)
    os.ftruncate(handle, 0)
    os.write(handle, text.encode())
