"""Who of a group's keepers may run the head: the one whose name is under a key in Redis.

The key lapses ``term_s`` after it was last claimed, by Redis' clock. Who holds it counts the same
time from before the claim was sent, by a clock that goes on while the machine sleeps, and has
ended its head at ``GIVE_UP`` of it, so that no two heads run at once. A head that nothing could
end is cut off: the new one's keeper closes the old one's connections to Redis, and Ray, up to
2.60 at least, never opens a second one from the same process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adbray_host.redis_client import RedisError, Reply

# The share of a term after which a head that could not claim again is ended.
GIVE_UP = 0.6
# Take or keep what is free or one's own; give who has it and for how many milliseconds more.
CLAIM = """\
local has = redis.call('GET', KEYS[1])
if has and has ~= ARGV[1] then return {has, redis.call('PTTL', KEYS[1])} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {ARGV[1], tonumber(ARGV[2])}
"""
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class Asks(Protocol):
    """A connection to Redis."""

    def ask(self, *words: str | int) -> Reply:
        """One command and its answer; OSError or RedisError."""
        ...


@dataclass(frozen=True)
class Claim:
    """Who leads, and how long its term lasts unless it claims again, in seconds."""

    leader: str
    left_s: float


def boot_time() -> float:
    """Seconds since the machine started, those of its sleep too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Leadership:
    """One keeper's part in it. ``me`` is its host's name; ``user`` is Ray's login in Redis."""

    def __init__(
        self,
        redis: Asks,
        *,
        key: str,
        me: str,
        term_s: float,
        now: Callable[[], float] = boot_time,
    ) -> None:
        self._redis = redis
        self._key = key
        self._me = me
        self._term_s = term_s
        self._now = now
        self._claimed_at: float | None = None

    def claim(self) -> Claim:
        """Take the leadership, or keep it, or see who has it. OSError, RedisError."""
        asked_at = self._now()
        term_ms = int(self._term_s * 1000)
        reply = self._redis.ask("EVAL", CLAIM, 1, self._key, self._me, term_ms)
        if not isinstance(reply, list) or len(reply) != 2:
            raise RedisError(f"ERR unexpected answer {reply!r}")
        leader, left_ms = str(reply[0]), int(str(reply[1]))
        self._claimed_at = asked_at if leader == self._me else None
        return Claim(leader, left_ms / 1000)

    def leads(self, share: float = GIVE_UP) -> bool:
        """Whether less than ``share`` of the term has passed since the last claim."""
        return (
            self._claimed_at is not None and self._now() - self._claimed_at < share * self._term_s
        )

    def cut_off_others(self, user: str) -> None:
        """Close all connections of ``user``: only a head that no longer leads has any."""
        self._redis.ask("CLIENT", "KILL", "USER", user)

    def release(self) -> None:
        """Let another keeper lead at once. OSError, RedisError."""
        self._claimed_at = None
        self._redis.ask("EVAL", RELEASE, 1, self._key, self._me)
