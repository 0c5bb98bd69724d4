"""What an external Redis answers a head's host, asked there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from adbray_ctl.adapters.ssh.ask import Commands, Question, Reply
from adbray_ctl.core.errors import SpecError
from adbray_ctl.core.orphans import NAMESPACE
from adbray_ctl.core.preflight.redis import Cleared, Namespaces, RedisReading
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.redis import RedisSpec

# A Redis may hold many keys of others beside ours.
_WITHIN_S = 120.0
M = TypeVar("M", bound=BaseModel)


class SshRedis:
    """RedisProbe."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    def read(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> RedisReading:
        wanted = _server(redis) | {"namespace": namespace}
        return self._ask(fleet, host, "check", wanted, RedisReading)

    def namespaces(self, fleet: Fleet, host: str, redis: RedisSpec) -> Namespaces:
        return self._ask(
            fleet, host, "namespaces", _server(redis) | {"form": NAMESPACE}, Namespaces
        )

    def clear(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> Cleared:
        return self._ask(fleet, host, "clear", _server(redis) | {"namespace": namespace}, Cleared)

    def _ask(self, fleet: Fleet, host: str, verb: str, wanted: dict[str, str], model: type[M]) -> M:
        def read(reply: Reply) -> M:
            return model.model_validate_json(reply.text)

        question = Question("redis", read, (verb,), json.dumps(wanted), _WITHIN_S)
        return self._hosts.answer(fleet, host, question)


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
