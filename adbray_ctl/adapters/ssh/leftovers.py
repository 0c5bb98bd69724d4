"""What stands on hosts beside the groups' own things, asked over plain SSH."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import ValidationError

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.threads import everywhere
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.orphans import Leftovers
from adbray_ctl.core.spec.fleet import Fleet


class SshLeftovers:
    """LeftoverProbe."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def read(self, fleet: Fleet, hosts: Sequence[str]) -> tuple[Leftovers, ...]:
        def ask(host: str) -> Leftovers:
            output = self._hosts.run(fleet, host, "leftovers")
            try:
                return Leftovers.model_validate({**json.loads(output), "host": host})
            except (ValueError, ValidationError) as error:
                raise HostError(f"no answer about leftovers: {error}", where=host) from error

        return everywhere(ask, hosts)
