"""What a head keeps in Redis, taken and put back on its host."""

from __future__ import annotations

import json
from collections.abc import Sequence

from adbray_ctl.adapters.ssh.ask import Commands, Question, Reply
from adbray_ctl.core.backup import Entry
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.spec.fleet import Fleet

_WITHIN_S = 300.0


class SshHeadState:
    """HeadState."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    def take(self, fleet: Fleet, host: str, group: str) -> tuple[Entry, ...]:
        question = Question("head-state", _entries, ("take", group), within_s=_WITHIN_S)
        return self._hosts.answer(fleet, host, question)

    def put(self, fleet: Fleet, host: str, group: str, entries: Sequence[Entry]) -> None:
        plain = json.dumps([entry.model_dump() for entry in entries])
        question = Question("head-state", _count, ("put", group), plain, _WITHIN_S)
        found = self._hosts.answer(fleet, host, question)
        if found != len(entries):
            raise HostError(f"{found} of {len(entries)} keys are there", where=host)


def _entries(reply: Reply) -> tuple[Entry, ...]:
    return tuple(Entry.model_validate(one) for one in json.loads(reply.text))


def _count(reply: Reply) -> int:
    return int(reply.text)
