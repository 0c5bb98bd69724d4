"""Redis as hosts ask it: redis-py's connection, and the primary that Sentinels name.

Of redis-py the connection alone: the whole of it takes three times as long to load, which a head
that starts again would wait for (docs/adr/0061).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from typing import Any, Union

from redis import exceptions
from redis._parsers import _RESP2Parser
from redis.connection import Connection

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


class _Parser(_RESP2Parser):
    """Leaves an error's first word where it is, and a connection open that bore one."""

    EXCEPTION_CLASSES: dict[str, Any] = {}  # noqa: RUF012 - as it is in redis-py


class _Link(Connection):
    """One connection. redis-py's own for TLS trusts the system's authorities beside ``ca_file``."""

    def __init__(self, server: Server, timeout_s: float) -> None:
        self._server = server
        super().__init__(
            host=server.host,
            port=server.port,
            username=server.username if server.password else None,
            password=server.password or None,
            socket_timeout=timeout_s,
            encoding_errors="surrogateescape",
            decode_responses=True,
            parser_class=_Parser,
            # CLIENT SETINFO, which a group's user may not.
            lib_name=None,
            lib_version=None,
        )

    def _connect(self) -> Any:
        link = super()._connect()
        if not self._server.tls:
            return link
        try:
            context = ssl.create_default_context(cafile=self._server.ca_file)
            context.check_hostname = not self._server.pinned
            return context.wrap_socket(link, server_hostname=self._server.host)
        except OSError:
            link.close()
            raise


class Redis:
    """A connection, opened when first used and again after it broke. OSError when none answers.

    ``timeout_s`` bounds the connecting, and then each wait for an answer.
    """

    def __init__(self, server: Server, timeout_s: float) -> None:
        self.address = server.text
        self._link = _Link(server, timeout_s)
        self._is_open = False

    def ask(self, *words: str | int) -> Reply:
        """One command and its answer. A connection found closed is opened once more."""
        if self._is_open:
            try:
                return self._exchange(words)
            except ConnectionError:
                pass
        return self._exchange(words)

    def close(self) -> None:
        """Leave; the next command connects again."""
        self._is_open = False
        self._link.disconnect()

    def _exchange(self, words: tuple[str | int, ...]) -> Reply:
        try:
            # Opens it if it is not.
            self._link.send_command(*words)
            self._is_open = True
            answer: Reply = self._link.read_response()
        except exceptions.ResponseError as error:
            raise RedisError(str(error)) from None
        except exceptions.RedisError as error:
            self.close()
            raise _as_os_error(error) from None
        return answer


def _as_os_error(error: exceptions.RedisError) -> OSError:
    """What happened to the connection, in the system's words where it said something."""
    cause = error.__context__
    if isinstance(cause, OSError):
        return cause
    if isinstance(error, exceptions.InvalidResponse):
        return ConnectionResetError(f"this is not Redis: {error}")
    return ConnectionResetError("Redis closed the connection")


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
