"""The command `store-memory CONFIG`: Redis' INFO of its memory, for what judges uploads in Ray."""

from __future__ import annotations

import sys
from pathlib import Path

from adbray_host.keeper.config import load
from adbray_host.redis_client import RedisError

TIMEOUT_S = 5.0


def main(words: list[str]) -> int:
    store = load(Path(words[0])).store
    if store is None:
        print("the group's state is not in Redis", file=sys.stderr)
        return 1
    try:
        print(store.opened(TIMEOUT_S).ask("INFO", "memory"))
    except (OSError, RedisError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
