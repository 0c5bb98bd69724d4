"""Which Redis a keeper asks when Sentinels choose it, over real sockets."""

from __future__ import annotations

from contextlib import closing

import pytest

from adbray_host.redis_client import Primary, Redis, RedisError, Server, opened
from tests.contract.redis_talk import answers, listening


def naming(server: Server) -> bytes:
    """A Sentinel's answer that ``server`` is the primary."""
    host, port = server.host.encode(), str(server.port).encode()
    return b"*2\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(host), host, len(port), port)


def test_the_one_that_a_sentinel_names_is_asked() -> None:
    with (
        listening(answers(b"+PONG\r\n", b"+PONG\r\n")) as redis,
        listening(answers(naming(redis))) as sentinel,
        closing(Primary([sentinel], 5)) as primary,
    ):
        assert (primary.ask("PING"), primary.ask("PING")) == ("PONG", "PONG")
        assert primary.address == redis.text


def test_a_sentinel_that_is_silent_is_passed_over() -> None:
    with (
        listening(answers(b"+PONG\r\n")) as redis,
        listening(answers(b"*-1\r\n")) as ignorant,
        listening(answers(naming(redis))) as sentinel,
        closing(Primary([Server("127.0.0.1", 1), ignorant, sentinel], 5)) as primary,
    ):
        assert primary.ask("PING") == "PONG"


@pytest.mark.parametrize("error", ["READONLY replica", "NOREPLICAS no", "LOADING it"])
def test_one_that_is_no_primary_any_more_is_left(error: str) -> None:
    with (
        listening(answers(f"-{error}\r\n".encode())) as old,
        listening(answers(b"+OK\r\n")) as new,
        listening(answers(naming(old))) as stale,
        listening(answers(naming(new))) as sentinel,
        closing(Primary([stale, sentinel], 5)) as primary,
    ):
        with pytest.raises(RedisError, match=error.split(maxsplit=1)[0]):
            primary.ask("SET", "k", "v")
        assert primary.ask("SET", "k", "v") == "OK"
        assert primary.address == new.text


def test_an_error_of_the_command_changes_nothing() -> None:
    with (
        listening(answers(b"-NOPERM no\r\n", b"+OK\r\n")) as redis,
        listening(answers(naming(redis))) as sentinel,
        closing(Primary([sentinel], 5)) as primary,
    ):
        with pytest.raises(RedisError, match="NOPERM"):
            primary.ask("FLUSHALL")
        assert primary.ask("SET", "k", "v") == "OK"


def test_when_none_answers_the_last_is_named() -> None:
    primary = Primary([Server("127.0.0.1", 1), Server("127.0.0.1", 2)], 1)
    with pytest.raises(OSError, match=r"Sentinel 127\.0\.0\.1:2"):
        primary.ask("PING")


def test_an_address_tells_whether_there_are_sentinels() -> None:
    assert isinstance(opened("h:1", "u", "p", 1, "", False), Redis)
    assert isinstance(opened("sentinel://h:1,i:2", "u", "p", 1, "/ca", True), Primary)
