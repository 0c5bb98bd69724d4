"""The keys of one cluster in a Redis that it may share with others."""

from __future__ import annotations

import re
import time
from typing import Any

from adbray_host.redis_client import Primary, Redis, RedisError


def keys(redis: Redis | Primary, prefix: str) -> list[str]:
    """All keys that begin with ``prefix``, by SCAN, which does not hold up other clients."""
    pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
    found: set[str] = set()
    cursor = "0"
    while True:
        reply = redis.ask("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
        if not isinstance(reply, list) or len(reply) != 2 or not isinstance(reply[1], list):
            raise RedisError(f"ERR unexpected answer {reply!r}")
        found.update(key for key in map(str, reply[1]) if key.startswith(prefix))
        cursor = str(reply[0])
        if cursor == "0":
            return sorted(found)


def forget(redis: Redis | Primary, prefix: str) -> int:
    """Delete all keys that begin with ``prefix``; gives how many there were."""
    names = keys(redis, prefix)
    for start in range(0, len(names), 500):
        redis.ask("DEL", *names[start : start + 500])
    return len(names)


def clear_namespace(redis: Redis, namespace: str, leader_s: float) -> dict[str, Any]:
    """Remove a cluster's keys, all that Ray and the keeper have under its prefix, and look again.

    Gives ``removed``, a number, and ``left``, names; or why nothing was done: ``leader`` if a head
    leads for longer than ``leader_s``, which one that was killed does for its term, ``refused`` by
    Redis, or ``silent``.
    """
    prefix = f"RAY{namespace}@"
    deadline = time.monotonic() + leader_s
    try:
        leader = redis.ask("GET", f"{prefix}ADBRAY_LEADER")
        while leader:
            if time.monotonic() > deadline:
                return {"leader": leader}
            time.sleep(0.5)
            leader = redis.ask("GET", f"{prefix}ADBRAY_LEADER")
        removed = forget(redis, prefix)
        # Whoever still writes has done so by then.
        time.sleep(1 if removed else 0)
        return {"removed": removed, "left": keys(redis, prefix)}
    except RedisError as error:
        return {"refused": str(error)}
    except OSError as error:
        return {"silent": str(error) or type(error).__name__}
