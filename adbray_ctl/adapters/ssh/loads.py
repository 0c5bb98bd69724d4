"""What slots use, told by their hosts over one connection each that stays open."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from adbray_ctl.adapters.ssh.ask import Commands, Question, Reply
from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.observed.loads import HostLoads
from adbray_ctl.core.spec.fleet import Fleet

_TRY_AGAIN_S = 5.0
# A host that tells nothing for so long, and for three looks, is taken for lost.
_SILENT_S = 30.0


class SshLoads:
    """LoadProbe."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    @contextmanager
    def watch(
        self, fleet: Fleet, hosts: Sequence[str], group: str | None, every_s: float
    ) -> Iterator[Callable[[], tuple[HostLoads, ...]]]:
        latest = {host: HostLoads(host=host) for host in hosts}
        changed_keys: list[HostKeyError] = []
        ended = threading.Event()
        within_s = max(_SILENT_S, 3 * every_s)

        def listen(host: str) -> None:
            while not ended.is_set():
                try:
                    words = (group or "", f"{every_s:g}")
                    with self._hosts.lines_of(
                        fleet, host, _LOOK.command, *words, within_s=within_s
                    ) as lines:
                        for line in lines:
                            latest[host] = _parsed(host, line)
                            if ended.is_set():
                                return
                    latest[host] = HostLoads(host=host, error="it has ended")
                except HostKeyError as error:
                    changed_keys.append(error)
                    return
                except (HostError, OSError, EOFError) as error:
                    text = error.what if isinstance(error, HostError) else str(error)
                    latest[host] = HostLoads(host=host, error=text or "the connection broke")
                ended.wait(_TRY_AGAIN_S)

        def now() -> tuple[HostLoads, ...]:
            if changed_keys:
                raise changed_keys[0]
            return tuple(latest[host] for host in hosts)

        for host in hosts:
            # A host that hangs holds nobody up.
            threading.Thread(target=listen, args=(host,), daemon=True).start()
        try:
            yield now
        finally:
            ended.set()


def _parsed(host: str, line: str) -> HostLoads:
    try:
        return _LOOK.answer(Reply(host, line))
    except HostError as error:
        return HostLoads(host=host, error=error.what)


def _look(reply: Reply) -> HostLoads:
    slots = [{**one, "host": reply.host} for one in json.loads(reply.text)["slots"]]
    return reply.as_(HostLoads, slots=slots)


_LOOK = Question("load", _look)
