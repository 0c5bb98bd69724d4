"""A support bundle: what is in it, what is missing, and which values must not be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from pydantic import BaseModel, ConfigDict, JsonValue

from adbray_ctl.core.redaction import Redactor
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec

MANIFEST = "manifest.json"
_MOST_OF_A_HOST = 16 * 2**20
_MOST = 256 * 2**20
_LEAST_OF_A_HOST = 2**20
_ENVIRONMENT = "Environment="


class _Bundle(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Masked(_Bundle):
    """The text of a spec file without the values that users may put secrets in, and those values.

    ``values`` are pairs of a name and what stood behind it.
    """

    text: str
    values: tuple[tuple[str, str], ...] = ()


class CollectRequest(_Bundle):
    """``lines`` of each journal, ``since`` then (seconds since the epoch); ``budget`` in bytes."""

    group: str
    lines: int
    since: int
    budget: int


class HostFiles(_Bundle):
    """What one host has for a bundle: texts by name; ``left_out`` is what there was no room for."""

    host: str
    files: dict[str, str] = {}
    left_out: tuple[str, ...] = ()
    error: str = ""

    @property
    def size(self) -> int:
        return sum(len(text) for text in self.files.values())


class Missing(_Bundle):
    """What a bundle should have and has not."""

    what: str
    why: str


class Bundle(_Bundle):
    """Files by name, without secrets; ``silent`` are the hosts that gave no answer."""

    group: str
    files: dict[str, str]
    missing: tuple[Missing, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        size = sum(len(text) for text in self.files.values())
        return f"{len(self.files)} files, {size / 2**20:.1f} MiB unpacked"


class Gathering:
    """A bundle in the making: all that is added goes through ``redactor``."""

    def __init__(self, group: str, redactor: Redactor) -> None:
        self._group = group
        self._redactor = redactor
        self._files: dict[str, str] = {}
        self._missing: list[Missing] = []
        self._silent: list[str] = []

    def add_text(self, name: str, text: str) -> None:
        self._files[self._redactor.text(name)] = self._redactor.text(text)

    def add_json(self, name: str, value: JsonValue) -> None:
        self._files[name] = json.dumps(self._redactor.json(value), indent=2) + "\n"

    def add_host(self, host: HostFiles) -> None:
        if host.error:
            self._silent.append(host.host)
            self.miss(f"hosts/{host.host}", host.error)
        for name, text in host.files.items():
            self.add_text(f"hosts/{host.host}/{name}", text)
        for what in host.left_out:
            self.miss(f"hosts/{host.host}/{what}", "it was too large, or could not be read")

    def miss(self, what: str, why: str) -> None:
        self._missing.append(Missing(what=self._redactor.text(what), why=self._redactor.text(why)))

    def done(self, made_at: str, versions: dict[str, str]) -> Bundle:
        """All of it, with a manifest in front."""
        manifest: dict[str, JsonValue] = {
            "format": 1,
            "group": self._group,
            "made_at": made_at,
            "versions": dict(versions),
            "files": {name: len(text.encode()) for name, text in sorted(self._files.items())},
            "missing": [one.model_dump() for one in self._missing],
            "silent_hosts": list(self._silent),
        }
        self.add_json(MANIFEST, manifest)
        return Bundle(
            group=self._group,
            files=dict(sorted(self._files.items(), key=lambda one: (one[0] != MANIFEST, one[0]))),
            missing=tuple(self._missing),
            silent=tuple(self._silent),
        )


def budget_of(hosts: int) -> int:
    """Bytes that each of so many hosts may send."""
    return max(min(_MOST_OF_A_HOST, _MOST // max(hosts, 1)), _LEAST_OF_A_HOST)


def secret_files(fleet: Fleet, groups: Iterable[RayClusterSpec]) -> tuple[str, ...]:
    """Files that the specs name and that hold secrets."""
    return tuple(dict.fromkeys(filter(None, _secret_files(fleet, groups))))


def values_of(masked: Sequence[Masked]) -> tuple[tuple[str, str], ...]:
    """All values that were taken out, each once."""
    return tuple(dict.fromkeys(pair for one in masked for pair in one.values))


def unit_values(hosts: Iterable[HostFiles]) -> Iterator[tuple[str, str]]:
    """Variables of groups that units on ``hosts`` have: the specs may have others by now.

    Units have them as JSON, and those that adbray sets of its own without quotes.
    """
    texts = (item for host in hosts for item in host.files.items())
    for name, text in texts:
        if not (name.startswith("units/") and name.endswith(".service")):
            continue
        for line in text.split("\n"):
            if line.startswith(f'{_ENVIRONMENT}"'):
                try:
                    assigned = json.loads(line.removeprefix(_ENVIRONMENT).replace("%%", "%"))
                except ValueError:
                    continue
                key, _, value = assigned.partition("=")
                yield key, value


def _secret_files(fleet: Fleet, groups: Iterable[RayClusterSpec]) -> Iterator[str | None]:
    for ssh in (fleet.ssh, *(fleet.ssh_for(host) for host in fleet.hosts)):
        yield ssh.identity_file
        yield ssh.jump.identity_file if ssh.jump else None
    yield fleet.monitoring.webhook_url_file if fleet.monitoring else None
    for group in groups:
        yield group.redis.password_file
