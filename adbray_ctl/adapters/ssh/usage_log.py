"""What hosts wrote down of their heads and workers."""

from __future__ import annotations

from adbray_ctl.adapters.ssh.ask import Commands, Question, reading
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.usage.usage import HostUsage


class SshUsage:
    """UsageLog."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    def read(self, fleet: Fleet, since: int, group: str | None) -> tuple[HostUsage, ...]:
        question = Question("read-usage", reading(HostUsage), (str(since), group or ""))
        answers = self._hosts.ask(fleet, [host.name for host in fleet.hosts], question)
        return tuple(
            HostUsage(host=host, error=answer.what) if isinstance(answer, HostError) else answer
            for host, answer in answers.items()
        )
