"""Serves one file to a fixed list of hosts, over plain TCP and for a limited time.

Who connects from an address of the list gets the file, whole; nothing is read from them. What is
served is readable by every user of every host that it goes to. Who takes it checks its SHA-256.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import threading
import time
from collections.abc import Collection, Iterator
from typing import IO, NoReturn

# So many take it at once; others wait.
AT_ONCE = 2
# It ends after so long without a request, and after the longer time in any case.
IDLE_S, LONGEST_S = 120.0, 1800
# The time to connect, for each read or write, and for all of the file.
CONNECT_S, SILENT_S, WHOLE_S = 3.0, 30.0, 600.0
# What the process has open.
FILE, SERVER = 0, 3


class HandOnError(Exception):
    """The other host did not serve it."""


def begin(path: str, address: str, peers: Collection[str]) -> int:
    """Start a process that serves the file at ``path`` to ``peers``; the port of ``address``.

    The file may be removed. Raises OSError.
    """
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with server, open(path, "rb") as file:
        server.bind((address, 0))
        server.listen()
        if os.fork() == 0:
            _apart(server, file, peers)
        return int(server.getsockname()[1])


def take(source: str, own: str, path: str, size: int) -> None:
    """Write to ``path`` the ``size`` bytes that ``source``, an address and a port, serves.

    ``own`` is this host's address in the list there. Raises HandOnError, and OSError for ``path``.
    """
    with open(path, "wb") as file:
        file.writelines(_parts(source, own, size))


def _parts(source: str, own: str, size: int) -> Iterator[bytes]:
    address, _, port = source.rpartition(":")
    deadline = time.monotonic() + WHOLE_S
    try:
        with socket.create_connection((address, int(port)), CONNECT_S, (own, 0)) as connection:
            while size > 0:
                left_s = max(deadline - time.monotonic(), 0.001)
                connection.settimeout(min(SILENT_S, left_s))
                part = connection.recv(min(size, 1 << 18))
                if not part:
                    raise HandOnError("%s ended the connection too early" % source)
                size -= len(part)
                yield part
    except OSError as error:
        raise HandOnError("%s does not serve the archive: %s" % (source, error)) from error


def serve(server: socket.socket, file: IO[bytes], peers: Collection[str], idle_s: float) -> None:
    """Give ``file`` to ``peers`` until none has asked for ``idle_s``, and all have it whole."""
    turns = threading.Semaphore(AT_ONCE)
    server.settimeout(idle_s)
    while turns.acquire():
        try:
            connection, (address, _) = server.accept()
        except OSError:
            break
        if address in peers:
            threading.Thread(target=_give, args=(connection, file, turns)).start()
        else:
            connection.close()
            turns.release()
    for _ in range(AT_ONCE - 1):
        turns.acquire()


def _give(connection: socket.socket, file: IO[bytes], turns: threading.Semaphore) -> None:
    try:
        with connection:
            connection.settimeout(SILENT_S)
            connection.sendfile(file)
    except OSError:
        pass  # Who takes it knows how long it is.
    finally:
        turns.release()


def _apart(server: socket.socket, file: IO[bytes], peers: Collection[str]) -> NoReturn:
    """Serve as the user nobody, in a new session, with nothing else of this process open."""
    try:
        os.setsid()
        os.chdir("/")
        signal.alarm(LONGEST_S)
        nothing = os.open(os.devnull, os.O_RDWR)
        for there, wanted in (
            (file.fileno(), FILE),
            (nothing, 1),
            (nothing, 2),
            (os.dup(server.fileno()), SERVER),
        ):
            os.dup2(there, wanted)
        for name in os.listdir("/proc/self/fd"):
            if int(name) > SERVER:
                with contextlib.suppress(OSError):
                    os.close(int(name))
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
        with socket.socket(fileno=SERVER) as own, open(FILE, "rb", closefd=False) as content:
            serve(own, content, peers, IDLE_S)
    finally:
        os._exit(0)
