"""The command `head-state take|put GROUP`: what a head keeps in Redis, all of it, as JSON.

`put` reads it from standard input. The host knows Redis' address and password.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from adbray_host import files, layout
from adbray_host.redis_client import Primary, Redis, opened
from adbray_host.redis_keys import keys

_TIMEOUT_S = 60.0
_AT_ONCE = 200
# One script takes all: nothing is written between the first key and the last.
_SNAPSHOT = """
local found = {}
for index, key in ipairs(KEYS) do
  local hash = redis.pcall('HGETALL', key)
  if hash.err then
    found[index] = {key, 'string', {redis.call('GET', key)}}
  else
    found[index] = {key, 'hash', hash}
  end
end
return found
"""


def main(words: list[str]) -> None:
    verb, group = words
    store = (files.read_json(layout.keeper_config_of(group)) or {}).get("store")
    if not store:
        sys.exit("the group's state is not in Redis")
    state = State(store)
    print(json.dumps(state.take() if verb == "take" else state.put(json.load(sys.stdin))))


class State:
    """The keys of one head, without the one that says who leads."""

    def __init__(self, store: dict[str, Any]) -> None:
        path = store["password_file"]
        self._redis: Redis | Primary = opened(
            store["address"],
            store["username"],
            files.read(path).strip() if path else "",
            _TIMEOUT_S,
            store["ca_file"],
            store["own"],
        )
        self._leader = store["key"]
        self._prefix = self._leader.rpartition("@")[0] + "@"

    def take(self) -> list[dict[str, Any]]:
        names = self._keys()
        found: Any = self._redis.ask("EVAL", _SNAPSHOT, len(names), *names) if names else []
        return [
            {"key": key[len(self._prefix) :], "kind": kind, "values": [_packed(v) for v in values]}
            for key, kind, values in found
        ]

    def put(self, entries: list[dict[str, Any]]) -> int:
        """These in the place of what is there; how many keys there are then."""
        for name in self._keys():
            self._redis.ask("DEL", name)
        for entry in entries:
            key, values = self._prefix + entry["key"], [_unpacked(one) for one in entry["values"]]
            if entry["kind"] == "string":
                self._redis.ask("SET", key, values[0])
                continue
            for start in range(0, len(values), _AT_ONCE):
                self._redis.ask("HSET", key, *values[start : start + _AT_ONCE])
        return len(self._keys())

    def _keys(self) -> list[str]:
        return [key for key in keys(self._redis, self._prefix) if key != self._leader]


def _packed(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def _unpacked(text: str) -> str:
    return base64.b64decode(text).decode("utf-8", "surrogateescape")
