"""Drains Ray nodes and stops units over plain SSH."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence

from adbray_ctl.adapters.ssh.ask import ANSWER_S, Commands, Question, Reply
from adbray_ctl.core.errors import ClusterError, HostError
from adbray_ctl.core.slot.record import SlotRecord
from adbray_ctl.core.spec.fleet import Fleet

_TRY_WITHIN_S = 130.0


class SshNodes:
    """Nodes, over the same connections and pinned keys as the observe pass."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    def drain(self, fleet: Fleet, head: str, record: SlotRecord, nodes: Sequence[str]) -> None:
        address = f"{record.address}:{record.ports['gcs']}"
        words = ("drain", record.group, address, record.venv, *nodes)
        refused = self._hosts.answer(fleet, head, Question("nodes", _refused, words))
        if refused:
            raise HostError(f"Ray does not drain: {refused[0]}", where=head)

    def stop(self, fleet: Fleet, units: Mapping[str, Sequence[str]]) -> None:
        self._on_each(fleet, units, lambda host: _doing("stop", *units[host]))

    def boot(self, fleet: Fleet, host: str) -> None:
        self._hosts.answer(fleet, host, _doing("boot"))

    def hold(
        self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]], seconds: float
    ) -> None:
        self._on_each(
            fleet, slots, lambda host: _doing("hold", group, f"{seconds:.0f}", *slots[host])
        )

    def release(self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]]) -> None:
        self.hold(fleet, group, slots, 0)

    def try_ray(self, fleet: Fleet, hosts: Sequence[str], venv: str, version: str) -> None:
        question = _doing("try", venv, version, within_s=_TRY_WITHIN_S)
        answers = self._hosts.ask(fleet, hosts, question, at_once=len(hosts))
        failed = {host: error for host, error in answers.items() if isinstance(error, HostError)}
        if failed:
            why = (f"{host}: {error.what}" for host, error in failed.items())
            raise ClusterError(
                "\n    ".join([f"Ray {version} does not work on its trial:", *why]),
                where=next(iter(failed)),
                hint="nothing was changed and the group runs as before; try by hand there:"
                f" {venv}/bin/python -c 'import ray; ray.init()'",
            )

    def _on_each(
        self, fleet: Fleet, hosts: Collection[str], doing: Callable[[str], Question[str]]
    ) -> None:
        """Raises the HostError of the first host that fails, when all have ended."""
        for answer in self._hosts.ask(fleet, tuple(hosts), doing, at_once=len(hosts)).values():
            if isinstance(answer, HostError):
                raise answer


def _doing(*words: str, within_s: float = ANSWER_S) -> Question[str]:
    """Something to be done, of which there is nothing to read."""
    return Question("nodes", lambda reply: reply.text, words, within_s=within_s)


def _refused(reply: Reply) -> list[str]:
    """Why Ray does not drain; a node that has just ended needs no draining any more."""
    return [why for why in json.loads(reply.text) if "not found" not in why.lower()]
