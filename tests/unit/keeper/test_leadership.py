"""Who leads, against Redis' own semantics of keys, times and scripts (fakeredis)."""

from __future__ import annotations

from typing import Any

import fakeredis
import pytest

from adbray_host.keeper.leadership import GIVE_UP, Leadership
from adbray_host.redis_client import RedisError, Reply

TERM_S = 6.0


class Clock:
    """The machine's."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Connection:
    """A keeper's connection; ``cut`` is a network that lets nothing through."""

    def __init__(self, server: fakeredis.FakeServer) -> None:
        self._redis = fakeredis.FakeRedis(server=server, decode_responses=True)
        self.cut = False

    def ask(self, *words: str | int) -> Reply:
        if self.cut:
            raise TimeoutError("timed out")
        execute: Any = self._redis.execute_command
        reply: Reply = execute(*words)
        return reply


class Site:
    """One Redis, and the keepers of two hosts."""

    def __init__(self) -> None:
        server = fakeredis.FakeServer()
        self.redis: Any = fakeredis.FakeRedis(server=server, decode_responses=True)
        self.clock = Clock()
        self.connections = {me: Connection(server) for me in "ab"}
        self.keepers = {
            me: Leadership(link, key="k", me=me, term_s=TERM_S, now=self.clock)
            for me, link in self.connections.items()
        }

    def lapse(self) -> None:
        """What Redis does at the end of a term."""
        self.redis.delete("k")


@pytest.fixture
def site() -> Site:
    return Site()


def test_the_first_to_claim_leads_and_keeps_it(site: Site) -> None:
    a, b = site.keepers["a"], site.keepers["b"]
    assert a.claim().leader == "a"
    seen = b.claim()
    assert (seen.leader, 0 < seen.left_s <= TERM_S) == ("a", True)
    assert (a.leads(), b.leads()) == (True, False)
    site.redis.pexpire("k", 100)
    assert a.claim().leader == "a"
    assert 100 < site.redis.pttl("k") <= TERM_S * 1000


def test_another_process_of_the_same_host_goes_on(site: Site) -> None:
    assert site.keepers["a"].claim().leader == "a"
    again = Leadership(site.connections["a"], key="k", me="a", term_s=TERM_S, now=site.clock)
    assert not again.leads()
    assert again.claim().leader == "a"
    assert again.leads()


def test_a_leader_that_is_cut_off_gives_up_before_its_term_ends(site: Site) -> None:
    a, b = site.keepers["a"], site.keepers["b"]
    a.claim()
    site.connections["a"].cut = True
    with pytest.raises(TimeoutError):
        a.claim()
    assert a.leads(), "one lost answer ends nothing"
    site.clock.at += GIVE_UP * TERM_S
    assert not a.leads()
    assert b.claim().leader == "a", "the term is not over yet"
    site.lapse()
    assert b.claim().leader == "b"
    site.connections["a"].cut = False
    assert a.claim().leader == "b", "who comes back waits"
    assert not a.leads()


def test_the_time_counts_from_before_the_claim_was_sent(site: Site) -> None:
    class Slow:
        def ask(self, *words: str | int) -> Reply:
            site.clock.at += 3
            return site.connections["a"].ask(*words)

    keeper = Leadership(Slow(), key="k", me="a", term_s=TERM_S, now=site.clock)
    keeper.claim()
    site.clock.at += GIVE_UP * TERM_S - 3
    assert not keeper.leads()


def test_released_it_is_free_at_once_but_only_by_its_holder(site: Site) -> None:
    a, b = site.keepers["a"], site.keepers["b"]
    a.claim()
    b.release()
    assert b.claim().leader == "a"
    a.release()
    assert not a.leads()
    assert b.claim().leader == "b"


def test_an_answer_that_makes_no_sense_is_an_error() -> None:
    class Odd:
        def ask(self, *words: str | int) -> Reply:
            return "OK"

    with pytest.raises(RedisError, match="unexpected"):
        Leadership(Odd(), key="k", me="a", term_s=TERM_S).claim()
