"""What lies on a node's disk, shown and freed by its host."""

from __future__ import annotations

import json
from collections.abc import Sequence

from adbray_ctl.adapters.ssh.ask import Commands, Question, Reply
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.cleaning import DiskItem, NodeDisk
from adbray_ctl.core.spec.fleet import Fleet

# A disk with millions of files takes that long to empty.
_WITHIN_S = 300.0


class SshDisks:
    """DiskCleaner."""

    def __init__(self, hosts: Commands) -> None:
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
        stdin = json.dumps(asked)
        question = Question("clean", _disk, stdin=stdin, within_s=_WITHIN_S)
        answer = self._hosts.answer(fleet, host, question)
        if isinstance(answer, NodeDisk):
            return answer
        raise HostError(
            f"{asked['node']} has no disk to look at: {answer}",
            where=host,
            hint=f"`adbray status {asked['group']}` shows what is wrong with it",
        )


def _disk(reply: Reply) -> NodeDisk | str:
    """What is on the disk, or why there is none."""
    missing = json.loads(reply.text).get("missing")
    return reply.as_(NodeDisk) if missing is None else str(missing)
