"""Who gets a file from where, when many hosts of one run want the same.

A few get it from the control machine at once, and those that have it serve it to others. Each host
is a process of the control machine's; they meet in a folder that is removed with the run.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ansible_collections.adbray.ray.plugins.module_utils.adbray_host.locks import locked

# So many get it from the control machine at once, and from each host that serves it.
UPLOADS, AT_ONCE = 4, 2
# When so many hosts could not be had from, others are not tried: a firewall is between them.
MOST_FAILURES = 3
_POLL_S = 0.2
_NOW = fcntl.LOCK_EX | fcntl.LOCK_NB
_OFFER, _WITHDRAWN = "offer-", "withdrawn-"


class Exchange:
    """All that want one file. The kernel frees the place of a process, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def turn(self) -> Iterator[str]:
        """Wait for a place; gives the address and port of a host that serves the file.

        An empty string means the control machine.
        """
        while True:
            for place, source in self._places():
                with ExitStack() as held:
                    try:
                        held.enter_context(locked(str(self._folder / place), _NOW))
                    except BlockingIOError:
                        continue
                    yield source
                    return
            time.sleep(_POLL_S)

    def offer(self, source: str) -> None:
        """From now on ``source`` serves it."""
        (self._folder / f"{_OFFER}{source}").touch()

    def withdraw(self, source: str) -> None:
        """``source`` could not be reached, or does not serve it any more."""
        (self._folder / f"{_OFFER}{source}").unlink(missing_ok=True)
        (self._folder / f"{_WITHDRAWN}{source}").touch()

    def _places(self) -> Iterator[tuple[str, str]]:
        """Hosts come first: each has its own link."""
        if len(list(self._folder.glob(f"{_WITHDRAWN}*"))) >= MOST_FAILURES:
            yield f"upload-by-{os.getpid()}", ""
        offers = [path.name for path in self._folder.glob(f"{_OFFER}*")]
        random.shuffle(offers)
        for offer in offers:
            for number in range(AT_ONCE):
                yield f"taken-{offer}-{number}", offer.removeprefix(_OFFER)
        for number in range(UPLOADS):
            yield f"upload-{number}", ""
