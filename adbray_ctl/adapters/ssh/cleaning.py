"""What lies on a node's disk, shown and freed by its host over plain SSH."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import ValidationError

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.cleaning import DiskItem, NodeDisk
from adbray_ctl.core.spec.fleet import Fleet

# A disk with millions of files takes that long to empty.
_WITHIN_S = 300.0


class SshDisks:
    """DiskCleaner."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def look(self, fleet: Fleet, host: str, group: str, node: str) -> NodeDisk:
        return self._ask(fleet, host, {"group": group, "node": node})

    def free(
        self, fleet: Fleet, host: str, group: str, node: str, items: Sequence[DiskItem]
    ) -> NodeDisk:
        chosen = [item.key for item in items]
        return self._ask(fleet, host, {"group": group, "node": node, "free": chosen})

    def _ask(self, fleet: Fleet, host: str, asked: dict[str, object]) -> NodeDisk:
        # No argument: what was chosen may be thousands of files.
        output = self._hosts.run(fleet, host, "clean", stdin=json.dumps(asked), within_s=_WITHIN_S)
        try:
            answer = json.loads(output)
            if "missing" in answer:
                raise HostError(
                    f"{asked['node']} has no disk to look at: {answer['missing']}",
                    where=host,
                    hint=f"`adbray status {asked['group']}` shows what is wrong with it",
                )
            return NodeDisk.model_validate({**answer, "host": host})
        except (ValueError, ValidationError) as error:
            what = f"its answer about the disk cannot be read: {str(error).splitlines()[0]}"
            raise HostError(what, where=host) from error
