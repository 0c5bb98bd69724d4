"""What a head keeps in Redis, taken and put back on its host."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import ValidationError

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.core.backup import Entry
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.spec.fleet import Fleet

_WITHIN_S = 300.0


class SshHeadState:
    """HeadState."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def take(self, fleet: Fleet, host: str, group: str) -> tuple[Entry, ...]:
        output = self._hosts.run(fleet, host, "head-state", "take", group, within_s=_WITHIN_S)
        try:
            return tuple(Entry.model_validate(one) for one in json.loads(output))
        except (ValueError, ValidationError) as error:
            first = str(error).partition("\n")[0]
            raise HostError(f"the state cannot be read: {first}", where=host) from error

    def put(self, fleet: Fleet, host: str, group: str, entries: Sequence[Entry]) -> None:
        plain = json.dumps([entry.model_dump() for entry in entries])
        output = self._hosts.run(
            fleet, host, "head-state", "put", group, stdin=plain, within_s=_WITHIN_S
        )
        if json.loads(output) != len(entries):
            raise HostError(f"{output.strip()} of {len(entries)} keys are there", where=host)
