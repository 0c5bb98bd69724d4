"""Tries on a worker's host what is another group's, and prints what came of each.

Beside it are `told.json`, with the other `group`, its `head` process, its `port` here, its `redis`
(address and port), the address of its worker's host (`gate`) and the `password` for Redis that this
job's own group has, and that group's `slot_key`.
"""

import json
import os
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import ray

TOLD = json.loads(Path("told.json").read_text())
GROUP, PID, PORT = TOLD["group"], TOLD["head"], TOLD["port"]
DISK = f"/var/lib/adbray/{GROUP}"


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


def ask_raylet() -> None:
    with socket.socket(socket.AF_UNIX) as raylet:
        raylet.connect(f"{DISK}/head/tmp/session_latest/sockets/raylet")


def ask_redis() -> None:
    """Reads the other group's keys without a password, and with this group's."""
    host, port = TOLD["redis"]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection((host, port), timeout=10)) as redis:
        for command in ("KEYS *", f"AUTH ray {TOLD['password']}", "KEYS *"):
            redis.sendall(f"{command}\r\n".encode())
            answer = redis.recv(4096)
            if not answer.startswith(b"-"):
                return
        raise PermissionError(answer)


def ask_gate() -> None:
    """Starts the other group's worker, whose slot has the name of this group's."""
    Path("slot_key").chmod(0o600)
    options = "-oBatchMode=yes -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null"
    gate = f"adbray-slot@{TOLD['gate']}"
    run("ssh", *options.split(), "-i", "slot_key", gate, "start w-0")


def run(*words: str) -> None:
    if subprocess.run(words, capture_output=True, check=False).returncode:
        raise PermissionError(words[0])


TRIED: dict[str, Callable[[], object]] = {
    "token": lambda: read(f"/etc/adbray/{GROUP}/token"),
    "record": lambda: read(f"/etc/adbray/{GROUP}/head.json"),
    "disk": lambda: look(DISK),
    "image": lambda: look("/var/lib/adbray/.images"),
    "environment": lambda: read(f"/proc/{PID}/environ"),
    "memory": lambda: read(f"/proc/{PID}/mem"),
    "command line": lambda: read(f"/proc/{PID}/cmdline"),
    "signal": lambda: os.kill(PID, 0),
    "port": bind,
    "socket": ask_raylet,
    "keys": ask_redis,
    "slot": ask_gate,
    "unit": lambda: run("systemctl", "start", f"adbray-worker@{GROUP}.w-0.service"),
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
