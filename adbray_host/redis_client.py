"""As much of a Redis client as a keeper needs (RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec).

Of its own, because what guards the head must not break with a package that a group installs. Also
used wherever else a host has to ask Redis something.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, replace
from typing import BinaryIO, Union

# What the Sentinels of a group call its primary: they watch no other.
SENTINEL_NAME = "gcs"
# Errors of one that is a replica, waits for its data, or has lost its replicas.
_NOT_PRIMARY = ("READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS")
Reply = Union[str, int, "list[Reply]", None]


class RedisError(Exception):
    """Redis answered with an error: its first word is the kind, such as NOPERM."""


@dataclass(frozen=True)
class Server:
    """Where Redis is; without a password nobody logs in. ``ca_file`` only with ``tls``.

    ``pinned`` says that ``ca_file`` is the server's own certificate, so that no name in it counts.
    """

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: bool = False
    ca_file: str | None = None
    pinned: bool = False

    @property
    def text(self) -> str:
        """host:port, or rediss://host:port."""
        return f"{'rediss://' if self.tls else ''}{self.host}:{self.port}"


def server_at(
    address: str, username: str, password: str, ca_file: str | None, pinned: bool = False
) -> Server:
    """The server at ``host:port``, ``redis://host:port`` or ``rediss://host:port``."""
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":")
    if scheme != "rediss":
        return Server(host.strip("[]"), int(port), username, password)
    return Server(host.strip("[]"), int(port), username, password, True, ca_file, pinned)


class Redis:
    """A connection, opened when first used and again after it broke. OSError when none answers.

    ``timeout_s`` bounds the connecting, and then each wait for an answer.
    """

    def __init__(self, server: Server, timeout_s: float) -> None:
        self._server = server
        self.address = server.text
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._file: BinaryIO | None = None

    def ask(self, *words: str | int) -> Reply:
        """One command and its answer. A connection found closed is opened once more."""
        if self._socket is not None:
            try:
                return self._exchange(words)
            except ConnectionError:
                pass
        self._open()
        return self._exchange(words)

    def close(self) -> None:
        """Leave; the next command connects again."""
        if self._file is not None:
            self._file.close()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._file = None

    def _open(self) -> None:
        server = self._server
        self.close()
        link = socket.create_connection((server.host, server.port), self._timeout_s)
        if server.tls:
            context = ssl.create_default_context(cafile=server.ca_file)
            context.check_hostname = not server.pinned
            link = context.wrap_socket(link, server_hostname=server.host)
        self._socket, self._file = link, link.makefile("rb")
        if server.password:
            login = (server.username,) if server.username else ()
            try:
                self._exchange(("AUTH", *login, server.password))
            except RedisError:
                self.close()
                raise

    def _exchange(self, words: tuple[str | int, ...]) -> Reply:
        assert self._socket is not None
        try:
            self._socket.sendall(encoded(words))
            return self._read()
        except OSError:
            # An answer that comes too late would be taken for the next one's.
            self.close()
            raise

    def _line(self) -> bytes:
        assert self._file is not None
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("Redis closed the connection")
        return line[:-2]

    def _read(self) -> Reply:
        assert self._file is not None
        line = self._line()
        kind, rest = line[:1], line[1:].decode()
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return decoded(self._file.read(size + 2)[:-2]) if size >= 0 else None
        if kind == b"*":
            return [self._read() for _ in range(max(int(rest), 0))]
        raise ConnectionResetError(f"this is not Redis: it answered {line[:40]!r}")


class Primary:
    """The Redis that the Sentinels name: they are asked first, and again after it failed.

    A Sentinel that is cut off may name one that is no primary any more. That one takes no write
    (min-replicas-to-write), so that a claim there fails, and the next Sentinel is asked.
    ``address`` is the one last named, as ``Server.text``.
    """

    def __init__(self, sentinels: list[Server], timeout_s: float) -> None:
        self._sentinels = sentinels
        self._timeout_s = timeout_s
        self._redis: Redis | None = None
        self.address = ""

    def ask(self, *words: str | int) -> Reply:
        """One command and its answer; OSError when no Sentinel, or no primary, answers."""
        if self._redis is None:
            self._redis = self._named()
            self.address = self._redis.address
        try:
            return self._redis.ask(*words)
        except RedisError as error:
            if str(error).partition(" ")[0] in _NOT_PRIMARY:
                self.close()
            raise
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Leave; the next command asks the next Sentinel."""
        if self._redis is not None:
            self._redis.close()
        self._redis = None
        self._sentinels.append(self._sentinels.pop(0))

    def _named(self) -> Redis:
        why: Exception = ConnectionError("there is no Sentinel")
        for sentinel in tuple(self._sentinels):
            link = Redis(sentinel, self._timeout_s / len(self._sentinels))
            try:
                found = link.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SENTINEL_NAME)
                if isinstance(found, list) and len(found) == 2:
                    place = replace(sentinel, host=str(found[0]), port=int(str(found[1])))
                    return Redis(place, self._timeout_s)
                why = ConnectionError(f"Sentinel {sentinel.text} knows no primary")
            except (OSError, RedisError) as error:
                why = ConnectionError(f"Sentinel {sentinel.text}: {error}")
            finally:
                link.close()
            self._sentinels.append(self._sentinels.pop(0))
        raise why


def opened(
    address: str, username: str, password: str, timeout_s: float, ca_file: str, own: bool
) -> Redis | Primary:
    """The Redis at ``address``, or the one named by the Sentinels at sentinel://host:port,...

    Those are ``own``, the group's, as is one at an address: then ``ca_file`` is what they all show.
    """
    scheme, _, places = address.rpartition("://")
    sentinels = scheme == "sentinel"
    servers = [
        server_at(
            f"rediss://{place}" if sentinels else address, username, password, ca_file or None, own
        )
        for place in places.split(",")
    ]
    return Primary(servers, timeout_s) if sentinels else Redis(servers[0], timeout_s)


def encoded(words: tuple[str | int, ...]) -> bytes:
    """A command as an array of bulk strings."""
    parts = [str(word).encode("utf-8", "surrogateescape") for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)


def decoded(value: bytes) -> str:
    """A value as text; bytes that are none come back as they were (PEP 383)."""
    return value.decode("utf-8", "surrogateescape")
