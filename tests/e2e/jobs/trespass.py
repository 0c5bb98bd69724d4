"""Tries on a worker's host what is another group's: GROUP PID PORT; prints what came of each."""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import ray

GROUP, PID, PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def bind() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("0.0.0.0", PORT))  # noqa: S104
        listener.listen()


def read(path: str) -> None:
    with Path(path).open("rb") as file:
        file.read(1)


def look(path: str) -> None:
    list(Path(path).iterdir())


TRIED: dict[str, Callable[[], object]] = {
    "token": lambda: read(f"/etc/adbray/{GROUP}/token"),
    "record": lambda: read(f"/etc/adbray/{GROUP}/head.json"),
    "disk": lambda: look(f"/var/lib/adbray/{GROUP}"),
    "image": lambda: look("/var/lib/adbray/.images"),
    "environment": lambda: read(f"/proc/{PID}/environ"),
    "memory": lambda: read(f"/proc/{PID}/mem"),
    "command line": lambda: read(f"/proc/{PID}/cmdline"),
    "signal": lambda: os.kill(PID, 0),
    "port": bind,
}


@ray.remote(num_cpus=0.1)
def trespass() -> dict[str, str]:
    found = {}
    for name, attempt in TRIED.items():
        try:
            attempt()
            found[name] = "done"
        except OSError as error:
            found[name] = type(error).__name__
    return found


print("TRIED", json.dumps(ray.get(trespass.remote())))
