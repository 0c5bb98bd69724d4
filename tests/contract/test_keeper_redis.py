"""The keeper's Redis client, byte by byte over a real socket."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest

from adbray_host.redis_client import Redis, RedisError, Server, server_at
from tests.contract.redis_talk import answers, listening


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (b"+OK\r\n", "OK"),
        (b":-7\r\n", -7),
        (b"$-1\r\n", None),
        (b"$0\r\n\r\n", ""),
        (b"$2\r\n\xff\x00\r\n", "\udcff\x00"),
        (b"$4\r\na\r\nb\r\n", "a\r\nb"),
        (b"*-1\r\n", None),
        (b"*2\r\n$1\r\na\r\n*1\r\n:5\r\n", ["a", [5]]),
    ],
)
def test_every_kind_of_answer(reply: bytes, value: object) -> None:
    with listening(answers(reply)) as server, closing(Redis(server, 5)) as redis:
        assert redis.ask("GET", "k") == value


def test_an_answer_in_pieces() -> None:
    def talk(link: socket.socket) -> None:
        link.recv(4096)
        for byte in b"*1\r\n$3\r\nabc\r\n":
            link.sendall(bytes([byte]))

    with listening(talk) as server, closing(Redis(server, 5)) as redis:
        assert redis.ask("X") == ["abc"]


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (("SET", "ä", 5), b"*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$1\r\n5\r\n"),
        (("GET", "\udcff\x00"), b"*2\r\n$3\r\nGET\r\n$2\r\n\xff\x00\r\n"),
    ],
    ids=["by its length in bytes", "what is no text"],
)
def test_how_a_command_is_sent(words: tuple[str | int, ...], sent: bytes) -> None:
    heard: list[bytes] = []
    with listening(answers(b"+OK\r\n", heard=heard)) as server, closing(Redis(server, 5)) as redis:
        redis.ask(*words)
    assert heard == [sent]


def test_it_logs_in_first() -> None:
    heard: list[bytes] = []
    with listening(answers(b"+OK\r\n", b"+PONG\r\n", heard=heard)) as server:
        found = Server(server.host, server.port, "ray", "secret")
        with closing(Redis(found, 5)) as redis:
            assert redis.ask("PING") == "PONG"
    login = b"*3\r\n$4\r\nAUTH\r\n$3\r\nray\r\n$6\r\nsecret\r\n"
    assert heard == [login, b"*1\r\n$4\r\nPING\r\n"]


def test_an_error_keeps_the_connection() -> None:
    with (
        listening(answers(b"-NOPERM no\r\n", b"+PONG\r\n")) as server,
        closing(Redis(server, 5)) as redis,
    ):
        with pytest.raises(RedisError, match="NOPERM"):
            redis.ask("CONFIG")
        assert redis.ask("PING") == "PONG"


def test_a_connection_found_closed_is_opened_again() -> None:
    with (
        listening(answers(b"+1\r\n"), answers(b"+2\r\n")) as server,
        closing(Redis(server, 5)) as redis,
    ):
        assert redis.ask("X") == "1"
        assert redis.ask("X") == "2"


def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    gate = threading.Event()

    def late(link: socket.socket) -> None:
        link.recv(4096)
        gate.wait(60)
        link.sendall(b"+late\r\n")

    with listening(late, answers(b"+right\r\n")) as server, closing(Redis(server, 2)) as redis:
        with pytest.raises(TimeoutError):
            redis.ask("X")
        gate.set()
        assert redis.ask("X") == "right"


def test_what_is_no_redis_is_told() -> None:
    with (
        listening(answers(b"HTTP/1.1 400\r\n")) as server,
        closing(Redis(server, 5)) as redis,
        pytest.raises(ConnectionResetError, match="not Redis"),
    ):
        redis.ask("PING")


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("10.0.0.1:6379", Server("10.0.0.1", 6379, "u", "p")),
        ("redis://h:1", Server("h", 1, "u", "p")),
        ("rediss://h:1", Server("h", 1, "u", "p", True, "/ca")),
        ("redis://[::1]:1", Server("::1", 1, "u", "p")),
    ],
)
def test_addresses(address: str, server: Server) -> None:
    assert server_at(address, "u", "p", "/ca") == server


def test_an_address_is_written_as_it_is_read() -> None:
    for address in ("h:1", "rediss://h:1"):
        assert server_at(address, "", "", None).text == address
