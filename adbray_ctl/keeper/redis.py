"""As much of a Redis client as a keeper needs (RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec).

Of its own, because what guards the head must not break with a package that a group installs. Also
used, by its source, wherever else a host has to ask Redis something.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeAlias

# What the Sentinels of a group call its primary: they watch no other.
SENTINEL_NAME = "gcs"
# Errors of one that is a replica, waits for its data, or has lost its replicas.
_NOT_PRIMARY = ("READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS")
Reply: TypeAlias = "str | int | list[Reply] | None"


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


def keys(redis: Redis | Primary, prefix: str) -> list[str]:
    """All keys that begin with ``prefix``, by SCAN: it holds up nobody else."""
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
        while leader := redis.ask("GET", f"{prefix}ADBRAY_LEADER"):
            if time.monotonic() > deadline:
                return {"leader": leader}
            time.sleep(0.5)
        removed = forget(redis, prefix)
        # Whoever still writes has done so by then.
        time.sleep(1 if removed else 0)
        return {"removed": removed, "left": keys(redis, prefix)}
    except RedisError as error:
        return {"refused": str(error)}
    except OSError as error:
        return {"silent": str(error) or type(error).__name__}
