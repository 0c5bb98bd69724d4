"""Who gets a file from where, when many hosts of one run want the same.

A few have it from the control machine at once, and those that have it hand it on. Each host is a
process of its own; they meet in a folder that goes with the run.
"""

from __future__ import annotations

import fcntl
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# So many get it from the control machine at once, and from each host that hands it on.
UPLOADS, AT_ONCE = 4, 2
_POLL_S = 0.2
_OFFER, _OVER = "offer-", "over"


class Exchange:
    """All that want one file, in a folder of theirs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def turn(self) -> Iterator[str]:
        """Wait until there is a place; gives the address and port of a host that hands the file on.

        Nothing where it comes from the control machine.
        """
        while True:
            for place, source in self._places():
                with open(self._folder / place, "w") as lock:
                    if _taken(lock.fileno()):
                        yield source
                        return
            time.sleep(_POLL_S)

    def offer(self, source: str) -> None:
        """From now on ``source`` hands it on."""
        (self._folder / f"{_OFFER}{source}").touch()

    def end(self) -> None:
        """No host hands it on any more: one could not be reached, as where there is a firewall."""
        (self._folder / _OVER).touch()

    def _places(self) -> Iterator[tuple[str, str]]:
        """Hosts come first: they have links of their own."""
        offers = [path.name for path in self._folder.glob(f"{_OFFER}*")]
        random.shuffle(offers)
        for offer in offers if not (self._folder / _OVER).exists() else ():
            for number in range(AT_ONCE):
                yield f"taken-{offer}-{number}", offer.removeprefix(_OFFER)
        for number in range(UPLOADS):
            yield f"upload-{number}", ""


def _taken(lock: int) -> bool:
    """The kernel frees it when the process ends, however it ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
