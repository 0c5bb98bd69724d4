"""Logs of nodes, on their hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from adbray_ctl.adapters.ssh.ask import Commands, Question, Reply
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.logs import HostLogs, LogLine, LogRequest
from adbray_ctl.core.spec.fleet import Fleet


class SshNodeLogs:
    """NodeLogs."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    def find(self, fleet: Fleet, group: str) -> tuple[HostLogs, ...]:
        question = Question("read-logs", _found, (json.dumps({"group": group}),))
        names = [host.name for host in fleet.hosts if not host.retired]
        return tuple(
            HostLogs(host=host, error=answer.what) if isinstance(answer, HostError) else answer
            for host, answer in self._hosts.ask(fleet, names, question).items()
        )

    @contextmanager
    def read(self, fleet: Fleet, host: str, wanted: LogRequest) -> Iterator[Iterator[LogLine]]:
        asked = wanted.model_dump_json()
        with self._hosts.lines_of(fleet, host, "read-logs", asked) as lines:
            yield (LogLine(*json.loads(line)) for line in lines)


def _found(reply: Reply) -> HostLogs:
    kept = [{**one, "host": reply.host} for one in json.loads(reply.text)["kept"]]
    return reply.as_(HostLogs, kept=kept)
