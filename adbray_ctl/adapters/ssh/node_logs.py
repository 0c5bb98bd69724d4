"""Logs of nodes, told by their hosts over plain SSH."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.threads import everywhere
from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.observed.logs import HostLogs, LogLine, LogRequest
from adbray_ctl.core.spec.fleet import Fleet


class SshNodeLogs:
    """NodeLogs."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def find(self, fleet: Fleet, group: str) -> tuple[HostLogs, ...]:
        def ask(host: str) -> HostLogs:
            try:
                asked = json.dumps({"group": group})
                answer = json.loads(self._hosts.run(fleet, host, "read-logs", asked))
                kept = [{**one, "host": host} for one in answer["kept"]]
                return HostLogs.model_validate({**answer, "host": host, "kept": kept})
            except HostKeyError:
                raise
            except HostError as error:
                return HostLogs(host=host, error=error.what)
            except (ValueError, KeyError, ValidationError) as error:
                what = f"its answer cannot be read: {str(error).splitlines()[0]}"
                return HostLogs(host=host, error=what)

        return everywhere(ask, [host.name for host in fleet.hosts if not host.retired])

    @contextmanager
    def read(self, fleet: Fleet, host: str, wanted: LogRequest) -> Iterator[Iterator[LogLine]]:
        asked = wanted.model_dump_json()
        with self._hosts.lines_of(fleet, host, "read-logs", asked) as lines:
            yield (LogLine(*json.loads(line)) for line in lines)
