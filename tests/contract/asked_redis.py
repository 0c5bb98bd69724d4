"""A Redis that this machine asks about as the host of a head does."""

from __future__ import annotations

from contextlib import closing

from adbray_ctl.adapters.ssh.ask import Reply
from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.redis_check import SshRedis
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.redis import RedisSpec
from adbray_host.redis_client import Redis, Server
from tests.contract.redis_server import fill
from tests.host_command import output

FLEET = Fleet.model_validate({"kind": "Fleet", "hosts": [{"name": "a", "address": "10.0.0.1"}]})
LEADER = "RAYled-00000001@ADBRAY_LEADER"
KEYS = [
    *("RAYold-00000001@KV", "RAYold-00000001@NODE", "RAYold-000000012@KV", LEADER),
    *("RAYled-00000001@KV", "RAYtheirs@KV", "RAY", "RAYold-00000001", "queue"),
]


class Here(SshHosts):
    """This machine instead of a host."""

    def __init__(self) -> None:
        pass

    def reply(
        self,
        fleet: Fleet,
        host: str,
        command: str,
        *words: str,
        stdin: str = "",
        within_s: float = 30,
    ) -> Reply:
        return Reply(host, output({}, command, *words, stdin=stdin))


class Asked:
    """A Redis, and how it is asked about."""

    def __init__(self, server: Server) -> None:
        self.server, self.redis = server, SshRedis(Here())
        self.spec = RedisSpec.model_validate({"mode": "external", "url": f"redis://{server.text}"})
        fill(server, *(key for key in KEYS if key != LEADER))
        self.ask("SET", LEADER, "lab9")

    def ask(self, *words: str | int) -> None:
        with closing(Redis(self.server, 5)) as redis:
            redis.ask(*words)
