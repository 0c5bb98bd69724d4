"""Start Ray's head: ``start-head CONFIG WORD...``, with WORDs for the command `ray`.

It runs under the group's Python. The Redis password joins in this process, so neither unit nor ps
shows it. Ray itself passes it on to gcs_server in its arguments: /proc hides those from others.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass

from adbray_host import layout
from adbray_host.files import names_in
from adbray_host.start import command, daemons
from adbray_host.start.ray import MIB, environment, labelled, remove, sessions

# Less than this, and Ray may not start.
LEAST = 4 * MIB
# Of the autoscaler, in place of what units say.
AUTOSCALER = {
    # The provider stops a worker that does not join within two minutes of its turn to start; Ray
    # would count from its launch.
    "RAY_AUTOSCALER_RECONCILE_ALLOCATE_STATUS_TIMEOUT_S": "3600",
    # A worker that still waits for its turn when nothing needs it any more is stopped (Ray 2.60).
    "RAY_AUTOSCALER_PENDING_NODE_IDLE_TIMEOUT_S": "60",
}


@dataclass(frozen=True)
class Config:
    """Written by the role ray_head. Without a ``redis_password_file`` the head logs in nowhere."""

    group: str
    disk: str
    address: str
    object_store_mb: int
    redis_username: str = ""
    redis_password_file: str = ""


def load(path: str) -> Config:
    with open(path, encoding="utf-8") as file:
        return Config(**json.load(file))


def tidy(disk: str) -> None:
    """Remove what an ended Ray leaves: spilled objects that no process can read, and old sessions.

    Of the last one, which Ray goes on with if it has Redis, the logs stay: it forgets its packages
    and environments.
    """
    spill = os.path.join(disk, "spill")
    for name in names_in(spill):
        remove(os.path.join(spill, name))
    found = sessions()
    for session in found[:-1]:
        remove(session)
    if found and not os.path.islink(found[-1]):
        for name in names_in(found[-1]):
            if name != "logs":
                remove(os.path.join(found[-1], name))
    # Ray takes a worker of this group on this host for a head that runs already, if a killed head
    # left its address behind (find_gcs_addresses in ray/_private/services.py).
    remove(os.path.join(layout.TMP, "ray", "ray_current_cluster"))


def login(config: Config) -> list[str]:
    """The words that only this process may have."""
    if not config.redis_password_file:
        return []
    with open(config.redis_password_file, encoding="utf-8") as file:
        password = file.read().strip()
    return [f"--redis-username={config.redis_username}", f"--redis-password={password}"]


def main(words: list[str]) -> int:
    config = load(words[0])
    tidy(config.disk)
    free = shutil.disk_usage(layout.TMP).free
    if free < LEAST:
        print(
            f"the head's disk is full, {free >> 20} MiB are free, so Ray may not start:"
            f" `adbray clean {config.group} head` frees what may be freed",
            flush=True,
        )
    spill = os.path.join(config.disk, "spill")
    os.environ.update(
        environment(
            os.environ,
            node="head",
            spill=spill,
            store_mb=config.object_store_mb,
            direct=[config.address],
        ),
        **AUTOSCALER,
    )
    given = labelled(daemons.without_block(words[1:]), os.environ["INVOCATION_ID"])
    return daemons.watch(lambda: command.main([*given, *login(config)]))
