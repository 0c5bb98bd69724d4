"""The command `nodes`: what an apply does with slots of a host beside its roles.

drain GROUP ADDRESS VENV NODE...    on the head's host: Ray moves off these nodes; why not
stop UNIT...                        stop units
boot                                boot this host in a moment
hold GROUP SECONDS SLOT...          keep slots from the autoscaler for so long; 0 releases them
try VENV VERSION                    does this environment's Ray work here?
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

from adbray_host import files, layout, systemd
from adbray_host.in_ray import source_of

_DRAIN_S, _TRY_S = 25, 120
# It may take what is left to the host itself, in a network and a /tmp that are its alone, so that
# nothing of it can meet what runs on the host.
_TRIAL = (
    *("User=" + layout.RAY_USER, "PrivateNetwork=yes", "PrivateTmp=yes", "NoNewPrivileges=yes"),
    *("MemoryMax=1G", "RuntimeMaxSec=90", "TimeoutStopSec=2", "ProtectHome=yes"),
    *("Environment=HOME=/tmp", "Environment=RAY_USAGE_STATS_ENABLED=0"),
)


def main(words: list[str]) -> None:
    verbs: dict[str, Callable[..., None]]
    verbs = {"drain": drain, "stop": stop, "boot": boot, "hold": hold, "try": try_ray}
    verbs[words[0]](*words[1:])


def drain(group: str, address: str, venv: str, *nodes: str) -> None:
    """Ray's client has to be the head's own, with its user and token."""
    user, token = layout.user_of(group), layout.token_of(group)
    command = ["runuser", "-u", user, "--", "env", "HOME=/tmp", "RAY_AUTH_MODE=token"]
    command += ["RAY_AUTH_TOKEN_PATH=" + token, venv + "/bin/python", "-c", source_of("drain")]
    done = subprocess.run(
        [*command, address, *nodes], capture_output=True, timeout=_DRAIN_S, check=False
    )
    if done.returncode != 0:
        sys.exit(done.stderr.decode(errors="replace") or "ended with %d" % done.returncode)
    print(done.stdout.decode().strip().splitlines()[-1])


def stop(*units: str) -> None:
    done = subprocess.run(
        [systemd.SYSTEMCTL, "stop", "--", *units], stderr=subprocess.PIPE, check=False
    )
    # A unit that is stopped while it begins counts as failed; it is what was wanted.
    subprocess.run(
        [systemd.SYSTEMCTL, "reset-failed", "--", *units], stderr=subprocess.DEVNULL, check=False
    )
    _end(done)


def boot() -> None:
    """Once the answer is out. What systemd stops on the way down ends as by a stop."""
    command = ["systemd-run", "--quiet", "--collect", "--on-active=2s"]
    command += ["--timer-property=AccuracySec=1s", "systemctl", "reboot"]
    _end(subprocess.run(command, stderr=subprocess.PIPE, check=False))


def hold(group: str, seconds: str, *slots: str) -> None:
    """What the gate (`adbray_host.gate`) looks for; the host's own clock decides."""
    for slot in slots:
        path = layout.hold_of(group, slot)
        if float(seconds) > 0:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            files.write(path, "%.0f" % (time.time() + float(seconds)))
        elif os.path.exists(path):
            os.unlink(path)


def try_ray(venv: str, version: str) -> None:
    command = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec"]
    path = "Environment=PATH=" + venv + "/bin:/usr/local/bin:/usr/bin:/bin"
    for setting in (*_TRIAL, path, *_address()):
        command += ["-p", setting]
    done = subprocess.run(
        [*command, venv + "/bin/python", "-c", source_of("trial"), version],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_TRY_S,
        check=False,
    )
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    if done.returncode:
        sys.exit("; ".join(lines[-3:]) or "ended with %d" % done.returncode)


def _address() -> list[str]:
    """Ray insists on the address of the host's name, so the trial's own network has it too."""
    try:
        address = socket.gethostbyname(socket.gethostname())
    except OSError:
        return []
    if address.startswith("127."):
        return []
    return ["ExecStartPre=+/usr/bin/env ip address add %s/32 dev lo" % address]


def _end(done: subprocess.CompletedProcess[bytes]) -> None:
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace").strip() or "ended with %d" % done.returncode)
