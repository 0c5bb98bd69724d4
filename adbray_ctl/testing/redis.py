"""A Redis in memory: one that is already there, and what heads keep in theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adbray_ctl.core.backup import Entry
from adbray_ctl.core.preflight.redis import Cleared, Namespaces, RedisReading
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.redis import RedisSpec
from adbray_ctl.testing.journal import Journal


@dataclass
class FakeRedis:
    """RedisProbe. It says ``reading`` of itself, and keeps ``kept``.

    ``refusal`` is what becomes of a namespace that is to go and cannot. ``asked`` has who asked for
    namespaces, and `host namespace` of who had one removed.
    """

    reading: RedisReading = field(default_factory=RedisReading)
    kept: Namespaces = field(default_factory=Namespaces)
    refusal: Cleared | None = None
    asked: list[str] = field(default_factory=list)

    def read(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> RedisReading:
        return self.reading

    def namespaces(self, fleet: Fleet, host: str, redis: RedisSpec) -> Namespaces:
        self.asked.append(host)
        return self.kept

    def clear(self, fleet: Fleet, host: str, redis: RedisSpec, namespace: str) -> Cleared:
        self.asked.append(f"{host} {namespace}")
        if self.refusal is not None:
            return self.refusal
        mine = [one for one in self.kept.found if one.name == namespace]
        led = next((one.leader for one in mine if one.leader), "")
        if led:
            return Cleared(leader=led)
        rest = tuple(one for one in self.kept.found if one.name != namespace)
        self.kept = self.kept.model_copy(update={"found": rest})
        return Cleared(removed=sum(one.keys for one in mine))


@dataclass
class FakeHeadState:
    """HeadState. ``entries`` by group."""

    journal: Journal = field(default_factory=Journal)
    entries: dict[str, tuple[Entry, ...]] = field(default_factory=dict)

    def take(self, fleet: Fleet, host: str, group: str) -> tuple[Entry, ...]:
        with self.journal.deed(f"take state of {group} on {host}"):
            return self.entries.get(group, ())

    def put(self, fleet: Fleet, host: str, group: str, entries: Sequence[Entry]) -> None:
        with self.journal.deed(f"put state of {group} on {host}"):
            self.entries[group] = tuple(entries)
