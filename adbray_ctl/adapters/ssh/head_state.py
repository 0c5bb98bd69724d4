"""What a head keeps in Redis, taken and put back on its host by the keeper's own client."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

from pydantic import ValidationError

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.core.backup import Entry
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.spec.fleet import Fleet

_WITHIN_S = 300.0
# Follows the client's source, by standard input. The host knows Redis' address and password.
_OPEN = """
import base64, json, os, sys
with open("/etc/adbray/%s/keeper.json" % sys.argv[1]) as file:
    store = json.load(file)["store"]
if not store:
    sys.exit("the group's state is not in Redis")
password = ""
if store["password_file"]:
    with open(store["password_file"]) as file:
        password = file.read().strip()
redis = opened(
    store["address"], store["username"], password, 60.0, store["ca_file"], store["own"]
)
prefix = store["key"].rpartition("@")[0] + "@"

def state_keys():
    # Who leads is no part of the state.
    return [key for key in keys(redis, prefix) if key != store["key"]]

def packed(text):
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()

def unpacked(text):
    return base64.b64decode(text).decode("utf-8", "surrogateescape")
"""
# One script takes all: nothing is written between the first key and the last.
_TAKE = """
SNAPSHOT = '''
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
'''
names = state_keys()
found = redis.ask("EVAL", SNAPSHOT, len(names), *names) if names else []
print(json.dumps([
    {"key": key[len(prefix):], "kind": kind, "values": [packed(value) for value in values]}
    for key, kind, values in found
]))
"""
_PUT = """
for name in state_keys():
    redis.ask("DEL", name)
for entry in ENTRIES:
    values = [unpacked(value) for value in entry["values"]]
    if entry["kind"] == "string":
        redis.ask("SET", prefix + entry["key"], values[0])
        continue
    for start in range(0, len(values), 200):
        redis.ask("HSET", prefix + entry["key"], *values[start:start + 200])
print(json.dumps(len(state_keys())))
"""


class SshHeadState:
    """HeadState."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def take(self, fleet: Fleet, host: str, group: str) -> tuple[Entry, ...]:
        output = self._run(fleet, host, _TAKE, group)
        try:
            return tuple(Entry.model_validate(one) for one in json.loads(output))
        except (ValueError, ValidationError) as error:
            first = str(error).partition("\n")[0]
            raise HostError(f"the state cannot be read: {first}", where=host) from error

    def put(self, fleet: Fleet, host: str, group: str, entries: Sequence[Entry]) -> None:
        plain = json.dumps([entry.model_dump() for entry in entries])
        output = self._run(fleet, host, f"ENTRIES = json.loads({plain!r})\n{_PUT}", group)
        if json.loads(output) != len(entries):
            raise HostError(f"{output.strip()} of {len(entries)} keys are there", where=host)

    def _run(self, fleet: Fleet, host: str, what: str, group: str) -> str:
        client = resources.files("adbray_ctl.keeper").joinpath("redis.py").read_text()
        script = f"{client}\n{_OPEN}\n{what}"
        return self._hosts.run_python(fleet, host, script, group, within_s=_WITHIN_S)
