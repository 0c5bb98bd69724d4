"""A file that one host has goes on to other hosts: its address and a port, to whom, for how long.

Plain TCP: who connects from an address of the list gets the file, whole, and nothing is read from
them. What is handed on is readable by every user of every host that it goes to, and who takes it
checks its SHA-256.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import threading
from collections.abc import Collection
from typing import IO, NoReturn

# So many take it at once; others wait.
AT_ONCE = 2
# Nobody asked for so long: it ends.
IDLE_S = 30.0
# Whatever happens, it ends.
LONGEST_S = 1800
# What a connection may take, and what one that was made may be silent for.
CONNECT_S, SILENT_S = 3.0, 30.0
# What the process has open.
FILE, SERVER = 0, 3


class HandOnError(Exception):
    """The other host did not give it."""


def begin(path: str, address: str, peers: Collection[str]) -> int:
    """Start a process that hands on the file at ``path``; the port of ``address`` that it is at.

    The file may be removed. Raises OSError.
    """
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with server, open(path, "rb") as file:
        server.bind((address, 0))
        server.listen()
        if os.fork() == 0:
            _apart(server, file, peers)
        return int(server.getsockname()[1])


def take(source: str, path: str) -> None:
    """Write to ``path`` what ``source``, an address and a port, hands on. Raises HandOnError."""
    address, _, port = source.rpartition(":")
    try:
        with socket.create_connection((address, int(port)), CONNECT_S) as connection:
            connection.settimeout(SILENT_S)
            with connection.makefile("rb") as incoming, open(path, "wb") as file:
                shutil.copyfileobj(incoming, file, 1 << 18)
    except OSError as error:
        raise HandOnError("%s does not hand it on: %s" % (source, error)) from error


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
        pass  # The SHA-256 shows there that it did not come whole.
    finally:
        turns.release()


def _apart(server: socket.socket, file: IO[bytes], peers: Collection[str]) -> NoReturn:
    """Serve as nobody, in a session of its own, with nothing else of this process open."""
    try:
        os.setsid()
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
