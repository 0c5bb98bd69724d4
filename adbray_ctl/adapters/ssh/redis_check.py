"""What an external Redis tells a head's host, asked there by the keeper's own client."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.core.errors import HostError, SpecError
from adbray_ctl.core.orphans import NAMESPACE
from adbray_ctl.core.preflight.redis import Cleared, Namespaces, RedisReading
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.redis import RedisSpec

# Follows the client's source, by standard input: no argument list ever shows the password.
_OPEN = """
import json, tempfile

def wanted(timeout_s):
    ca = tempfile.NamedTemporaryFile("w", suffix=".crt")
    ca.write(WANTED["ca"])
    ca.flush()
    server = server_at(
        WANTED["url"], WANTED["username"], WANTED["password"], ca.name if WANTED["ca"] else None
    )
    redis = Redis(server, timeout_s)
    # Lives as long as what may connect again.
    redis.ca = ca
    return redis
"""
_ASK = """
answer = {}
try:
    redis = wanted(5.0)
    lines = str(redis.ask("INFO")).splitlines()
    info = dict(line.split(":", 1) for line in lines if ":" in line)
    answer = {
        "version": info.get("redis_version", ""),
        "role": info.get("role", ""),
        "policy": info.get("maxmemory_policy", ""),
        "aof": info["aof_enabled"] == "1" if "aof_enabled" in info else None,
    }
    for name, setting in (("snapshots", "save"), ("idle_timeout_s", "timeout")):
        try:
            value = redis.ask("CONFIG", "GET", setting)[1]
            answer[name] = bool(value) if name == "snapshots" else int(value)
        except (RedisError, IndexError, TypeError, ValueError):
            pass
    try:
        key = "RAY%s@ADBRAY_CHECK" % WANTED["namespace"]
        script = "redis.call('SET', KEYS[1], 'x', 'PX', 1000) return redis.call('PTTL', KEYS[1])"
        redis.ask("EVAL", script, 1, key)
        redis.ask("DEL", key)
        answer["leads"] = True
    except RedisError as error:
        answer["refused"] = str(error)
except (OSError, RedisError, ValueError) as error:
    answer = {"error": str(error) or type(error).__name__}
print(json.dumps(answer))
"""


# A Redis may hold many keys of others beside ours.
_WITHIN_S = 120.0
# Names of others' namespaces stay on the host.
_LIST = """
import re
answer = {}
try:
    redis = wanted(10.0)
    found = {}
    for key in keys(redis, "RAY"):
        name, at, _ = key[3:].partition("@")
        if at and re.fullmatch(WANTED["form"], name):
            found.setdefault(name, []).append(key)
    answer = {"found": [], "sealed": 0}
    for name, own in sorted(found.items()):
        one = {"name": name, "keys": len(own)}
        try:
            one["leader"] = redis.ask("GET", "RAY%s@ADBRAY_LEADER" % name) or ""
        except RedisError:
            answer["sealed"] += 1
            continue
        try:
            # Does not count as a use itself.
            one["idle_s"] = min(redis.ask("OBJECT", "IDLETIME", key) or 0 for key in own[:50])
        except (RedisError, TypeError):
            pass
        answer["found"].append(one)
except (OSError, RedisError, ValueError) as error:
    answer = {"error": str(error) or type(error).__name__}
print(json.dumps(answer))
"""
_CLEAR = """
print(json.dumps(clear_namespace(wanted(10.0), WANTED["namespace"], 0.0)))
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
        script = f"{client}\nWANTED = {wanted!r}\n{_OPEN}\n{what}"
        output = self._hosts.run_python(fleet, host, script, within_s=_WITHIN_S)
        try:
            return answer.model_validate(json.loads(output))
        except (ValueError, ValidationError) as error:
            first = str(error).partition("\n")[0]
            raise HostError(f"no answer about Redis: {first}", where=host) from error


def _server(redis: RedisSpec) -> dict[str, str]:
    return {
        "url": redis.url or "",
        "username": redis.username or "",
        "password": _content("password_file", redis.password_file).strip(),
        "ca": _content("ca_file", redis.ca_file),
    }


def _content(key: str, file: str | None) -> str:
    if file is None:
        return ""
    try:
        return Path(file).read_text()
    except OSError as error:
        raise SpecError(
            f"redis.{key} cannot be read: {error.strerror}",
            where=file,
            hint="it names a file on this machine",
        ) from error
