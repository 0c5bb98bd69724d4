"""What an external Redis tells a head's host, asked there by the keeper's own client."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from adbray_ctl.adapters.ssh import SshHosts
from adbray_ctl.core.errors import HostError, SpecError
from adbray_ctl.core.external_redis import Cleared, Namespaces, RedisReading
from adbray_ctl.core.orphans import NAMESPACE
from adbray_ctl.core.spec import Fleet, RedisSpec

# Follows the client's source, by standard input: no argument list ever shows the password.
_ASK = """
import json
told = {}
try:
    redis = Redis(server_at(WANTED["url"], WANTED["username"], WANTED["password"], None), 5.0)
    lines = str(redis.ask("INFO")).splitlines()
    info = dict(line.split(":", 1) for line in lines if ":" in line)
    told = {
        "version": info.get("redis_version", ""),
        "role": info.get("role", ""),
        "policy": info.get("maxmemory_policy", ""),
        "aof": info["aof_enabled"] == "1" if "aof_enabled" in info else None,
    }
    for name, setting in (("snapshots", "save"), ("idle_timeout_s", "timeout")):
        try:
            value = redis.ask("CONFIG", "GET", setting)[1]
            told[name] = bool(value) if name == "snapshots" else int(value)
        except (RedisError, IndexError, TypeError, ValueError):
            pass
    try:
        key = "RAY%s@ADBRAY_CHECK" % WANTED["namespace"]
        script = "redis.call('SET', KEYS[1], 'x', 'PX', 1000) return redis.call('PTTL', KEYS[1])"
        redis.ask("EVAL", script, 1, key)
        redis.ask("DEL", key)
        told["leads"] = True
    except RedisError as error:
        told["refused"] = str(error)
except (OSError, RedisError, ValueError) as error:
    told = {"error": str(error) or type(error).__name__}
print(json.dumps(told))
"""


# A Redis may hold many keys of others beside ours.
_WITHIN_S = 120.0
# Names of others' namespaces stay on the host.
_LIST = """
import json, re
told = {}
try:
    redis = Redis(server_at(WANTED["url"], WANTED["username"], WANTED["password"], None), 10.0)
    found = {}
    for key in keys(redis, "RAY"):
        name, at, _ = key[3:].partition("@")
        if at and re.fullmatch(WANTED["form"], name):
            found.setdefault(name, []).append(key)
    told = {"found": [], "sealed": 0}
    for name, own in sorted(found.items()):
        one = {"name": name, "keys": len(own)}
        try:
            one["leader"] = redis.ask("GET", "RAY%s@ADBRAY_LEADER" % name) or ""
        except RedisError:
            told["sealed"] += 1
            continue
        try:
            # Does not count as a use itself.
            one["idle_s"] = min(redis.ask("OBJECT", "IDLETIME", key) or 0 for key in own[:50])
        except (RedisError, TypeError):
            pass
        told["found"].append(one)
except (OSError, RedisError, ValueError) as error:
    told = {"error": str(error) or type(error).__name__}
print(json.dumps(told))
"""
_CLEAR = """
import json
server = server_at(WANTED["url"], WANTED["username"], WANTED["password"], None)
print(json.dumps(clear_namespace(Redis(server, 10.0), WANTED["namespace"], 0.0)))
"""
M = TypeVar("M", bound=BaseModel)


class SshRedis:
    """RedisProbe."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def read(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> RedisReading:
        wanted = _server(redis) | {"namespace": namespace}
        return self._ask(fleet, host, _ASK, wanted, RedisReading)

    def namespaces(self, fleet: Fleet, host: str, redis: RedisSpec) -> Namespaces:
        return self._ask(fleet, host, _LIST, _server(redis) | {"form": NAMESPACE}, Namespaces)

    def clear(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> Cleared:
        return self._ask(fleet, host, _CLEAR, _server(redis) | {"namespace": namespace}, Cleared)

    def _ask(
        self, fleet: Fleet, host: str, what: str, wanted: dict[str, str], answer: type[M]
    ) -> M:
        client = resources.files("adbray_ctl.keeper").joinpath("redis.py").read_text()
        script = f"{client}\nWANTED = {wanted!r}\n{what}"
        output = self._hosts.run_python(fleet, host, script, within_s=_WITHIN_S)
        try:
            return answer.model_validate(json.loads(output))
        except (ValueError, ValidationError) as error:
            raise HostError(f"no answer about Redis: {error}", where=host) from error


def _server(redis: RedisSpec) -> dict[str, str]:
    return {
        "url": redis.url or "",
        "username": redis.username or "",
        "password": _password(redis),
    }


def _password(redis: RedisSpec) -> str:
    if redis.password_file is None:
        return ""
    try:
        return Path(redis.password_file).read_text().strip()
    except OSError as error:
        raise SpecError(
            f"the password of Redis cannot be read: {error.strerror}",
            where=redis.password_file,
            hint="redis.password_file names a file on this machine",
        ) from error
