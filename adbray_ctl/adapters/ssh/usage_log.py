"""What hosts wrote down of their heads and workers, asked over plain SSH."""

from __future__ import annotations

import json

from pydantic import ValidationError

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.threads import everywhere
from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.usage.usage import HostUsage


class SshUsage:
    """UsageLog."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def read(self, fleet: Fleet, since: int, group: str | None) -> tuple[HostUsage, ...]:
        def ask(host: str) -> HostUsage:
            try:
                answer = self._hosts.run(fleet, host, "read-usage", str(since), group or "")
                return HostUsage.model_validate({**json.loads(answer), "host": host})
            except HostKeyError:
                raise
            except HostError as error:
                return HostUsage(host=host, error=error.what)
            except (ValueError, ValidationError) as error:
                what = f"its answer cannot be read: {str(error).splitlines()[0]}"
                return HostUsage(host=host, error=what)

        names = [host.name for host in fleet.hosts]
        return everywhere(ask, names)
