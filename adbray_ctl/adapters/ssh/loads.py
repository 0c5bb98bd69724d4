"""What slots use, shown by their hosts over one connection each that stays open."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TypeAlias

from adbray_ctl.adapters.ssh.ask import Commands, Question, Reply
from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.observed.loads import HostLoads
from adbray_ctl.core.spec.fleet import Fleet

_TRY_AGAIN_S = 5.0
# A host that shows nothing for so long, and for three looks, is taken for lost.
_SILENT_S = 30.0
Lines: TypeAlias = Callable[[], AbstractContextManager[Iterator[str]]]


class SshLoads:
    """LoadProbe."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    @contextmanager
    def watch(
        self, fleet: Fleet, hosts: Sequence[str], group: str | None, every_s: float
    ) -> Iterator[Callable[[], tuple[HostLoads, ...]]]:
        within_s = max(_SILENT_S, 3 * every_s)
        words = (_LOOK.command, group or "", f"{every_s:g}")
        watch = _Watch(hosts)
        for host in hosts:
            lines = partial(self._hosts.lines_of, fleet, host, *words, within_s=within_s)
            # A host that hangs holds nobody up.
            threading.Thread(target=watch.listen, args=(host, lines), daemon=True).start()
        try:
            yield watch.now
        finally:
            watch.ended.set()


class _Watch:
    """The last look of each host, and why there is none."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.ended = threading.Event()
        self._latest = {host: HostLoads(host=host) for host in hosts}
        self._changed_key: HostKeyError | None = None

    def now(self) -> tuple[HostLoads, ...]:
        if self._changed_key:
            raise self._changed_key
        return tuple(self._latest.values())

    def listen(self, host: str, lines_of: Lines) -> None:
        """Take each look of ``host``, and connect again after it broke, until the watch ends."""
        while not self.ended.is_set():
            try:
                self._take(host, lines_of)
            except HostKeyError as error:
                self._changed_key = error
                return
            except (HostError, OSError, EOFError) as error:
                text = error.what if isinstance(error, HostError) else str(error)
                self._latest[host] = HostLoads(host=host, error=text or "the connection broke")
            self.ended.wait(_TRY_AGAIN_S)

    def _take(self, host: str, lines_of: Lines) -> None:
        with lines_of() as lines:
            for line in lines:
                self._latest[host] = _parsed(host, line)
                if self.ended.is_set():
                    return
        self._latest[host] = HostLoads(host=host, error="it has ended")


def _parsed(host: str, line: str) -> HostLoads:
    try:
        return _LOOK.answer(Reply(host, line))
    except HostError as error:
        return HostLoads(host=host, error=error.what)


def _look(reply: Reply) -> HostLoads:
    slots = [{**one, "host": reply.host} for one in json.loads(reply.text)["slots"]]
    return reply.as_(HostLoads, slots=slots)


_LOOK = Question("load", _look)
