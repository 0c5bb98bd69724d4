"""What is on hosts beside the groups' own things."""

from __future__ import annotations

from collections.abc import Sequence

from adbray_ctl.adapters.ssh.ask import Commands, Question, reading
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.orphans import Leftovers
from adbray_ctl.core.spec.fleet import Fleet


class SshLeftovers:
    """LeftoverProbe."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    def read(self, fleet: Fleet, hosts: Sequence[str]) -> tuple[Leftovers, ...]:
        answers = self._hosts.ask(fleet, hosts, Question("leftovers", reading(Leftovers)))
        found = []
        for answer in answers.values():
            if isinstance(answer, HostError):
                raise answer
            found.append(answer)
        return tuple(found)
