"""The command `redis VERB`: what an external Redis answers a head's host.

    check         can it keep a head's state?
    namespaces    which clusters have keys there, of those whose names have our form
    clear         remove one cluster's keys, once no head has led for `leader_s`

Standard input is JSON: no argument list ever shows the password.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from adbray_host.redis_client import Redis, RedisError, server_at
from adbray_host.redis_keys import clear_namespace, keys


def main(words: list[str]) -> None:
    wanted = json.load(sys.stdin)
    with tempfile.NamedTemporaryFile("w", suffix=".crt") as ca:
        ca.write(wanted["ca"])
        ca.flush()
        ca_file = ca.name if wanted["ca"] else None
        print(json.dumps(_VERBS[words[0]](wanted, ca_file)))


def _opened(wanted: dict[str, Any], ca_file: str | None, timeout_s: float) -> Redis:
    server = server_at(wanted["url"], wanted["username"], wanted["password"], ca_file)
    return Redis(server, timeout_s)


def _check(wanted: dict[str, Any], ca_file: str | None) -> dict[str, Any]:
    try:
        redis = _opened(wanted, ca_file, 5.0)
        lines = str(redis.ask("INFO")).splitlines()
    except (OSError, RedisError, ValueError) as error:
        return _failed(error)
    info = dict(line.split(":", 1) for line in lines if ":" in line)
    answer: dict[str, Any] = {
        "version": info.get("redis_version", ""),
        "role": info.get("role", ""),
        "policy": info.get("maxmemory_policy", ""),
        "aof": info["aof_enabled"] == "1" if "aof_enabled" in info else None,
    }
    try:
        answer.update(_settings(redis), **_leading(redis, wanted["namespace"]))
    except (OSError, RedisError, ValueError) as error:
        return _failed(error)
    return answer


def _settings(redis: Redis) -> dict[str, Any]:
    """Those that Redis shows; a hosted one may refuse to."""
    found: dict[str, Any] = {}
    for name, setting in (("snapshots", "save"), ("idle_timeout_s", "timeout")):
        try:
            value: Any = redis.ask("CONFIG", "GET", setting)
            found[name] = bool(value[1]) if name == "snapshots" else int(value[1])
        except (RedisError, IndexError, TypeError, ValueError):
            continue
    return found


def _leading(redis: Redis, namespace: str) -> dict[str, Any]:
    """Whether a keeper could hold its claim there: a script, and a key that runs out."""
    key = "RAY%s@ADBRAY_CHECK" % namespace
    script = "redis.call('SET', KEYS[1], 'x', 'PX', 1000) return redis.call('PTTL', KEYS[1])"
    try:
        redis.ask("EVAL", script, 1, key)
        redis.ask("DEL", key)
    except RedisError as error:
        return {"refused": str(error)}
    return {"leads": True}


def _namespaces(wanted: dict[str, Any], ca_file: str | None) -> dict[str, Any]:
    """Names of others' namespaces stay on the host."""
    try:
        redis = _opened(wanted, ca_file, 10.0)
        found: dict[str, list[str]] = {}
        for key in keys(redis, "RAY"):
            name, at, _ = key[3:].partition("@")
            if at and re.fullmatch(wanted["form"], name):
                found.setdefault(name, []).append(key)
        named = [_namespace(redis, name, own) for name, own in sorted(found.items())]
    except (OSError, RedisError, ValueError) as error:
        return _failed(error)
    return {"found": [one for one in named if one], "sealed": named.count(None)}


def _namespace(redis: Redis, name: str, own: list[str]) -> dict[str, Any] | None:
    """One cluster's keys; None for one that this user may not look into."""
    found: dict[str, Any] = {"name": name, "keys": len(own)}
    try:
        found["leader"] = redis.ask("GET", "RAY%s@ADBRAY_LEADER" % name) or ""
    except RedisError:
        return None
    try:
        # Does not count as a use itself.
        idle: Any = [redis.ask("OBJECT", "IDLETIME", key) or 0 for key in own[:50]]
        found["idle_s"] = min(idle)
    except (RedisError, TypeError):
        pass
    return found


def _clear(wanted: dict[str, Any], ca_file: str | None) -> dict[str, Any]:
    return clear_namespace(
        _opened(wanted, ca_file, 10.0), wanted["namespace"], wanted.get("leader_s", 0.0)
    )


def _failed(error: Exception) -> dict[str, Any]:
    return {"error": str(error) or type(error).__name__}


_VERBS: dict[str, Callable[[dict[str, Any], str | None], dict[str, Any]]] = {
    "check": _check,
    "namespaces": _namespaces,
    "clear": _clear,
}
