"""One thread for each host that is asked, a bounded number at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

AT_ONCE = 32
_LOOK_S = 0.5

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def threads(count: int, at_once: int = AT_ONCE) -> Iterator[ThreadPoolExecutor]:
    """Threads for ``count`` calls, whose ends are awaited.

    Not after Ctrl-C: a host that gives no answer would hold the command up until its time is over.
    """
    pool = ThreadPoolExecutor(max_workers=max(min(at_once, count), 1))
    interrupted = False
    try:
        yield pool
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        pool.shutdown(wait=not interrupted, cancel_futures=interrupted)


def everywhere(
    function: Callable[[T], R], items: Sequence[T], at_once: int = AT_ONCE
) -> tuple[R, ...]:
    """``function`` of every item, in the items' order."""
    with threads(len(items), at_once) as pool:
        calls = [pool.submit(function, item) for item in items]
        # Python sees a signal that came just before a wait when the wait ends.
        while wait(calls, timeout=_LOOK_S).not_done:
            pass
        return tuple(call.result() for call in calls)
