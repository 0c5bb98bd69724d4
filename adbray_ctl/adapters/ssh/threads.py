"""One thread for each host that is asked, a bounded number at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TypeVar

AT_ONCE = 32
_LOOK_S = 0.5

T = TypeVar("T")
R = TypeVar("R")


def as_they_come(
    function: Callable[[T], R], items: Sequence[T], at_once: int = AT_ONCE
) -> Iterator[R]:
    """``function`` of every item, each as it ends; the first that raises ends it for all.

    When its reader leaves, as by Ctrl-C, no end is awaited: a host that gives no answer would hold
    the command up until its time is over.
    """
    pool = ThreadPoolExecutor(max_workers=max(min(at_once, len(items)), 1))
    left = False
    try:
        calls = {pool.submit(function, item) for item in items}
        while calls:
            # Python sees a signal that came just before a wait when the wait ends.
            done, calls = wait(calls, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            yield from (call.result() for call in done)
    except (KeyboardInterrupt, GeneratorExit):
        left = True
        raise
    finally:
        pool.shutdown(wait=not left, cancel_futures=left)
