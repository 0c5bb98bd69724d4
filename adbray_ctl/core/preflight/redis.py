"""Whether a Redis that is already there can keep what a head knows."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version
from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.preflight.findings import Finding, FindingState
from adbray_ctl.core.preflight.readings import Check
from adbray_ctl.core.versions import release

# ACL users came with Redis 6 (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/).
MIN_REDIS = Version("6")
EXPECTED = "a primary that answers, keeps what it is told, and evicts nothing"


class RedisReading(BaseModel):
    """What a Redis told the head's host; None is what it would not tell.

    ``error`` says why there is nothing else. ``leads`` says that the group's user may keep the
    leadership there, ``refused`` why not. ``idle_timeout_s`` of 0 is none.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    error: str = ""
    version: str = ""
    role: str = ""
    aof: bool | None = None
    snapshots: bool | None = None
    policy: str = ""
    idle_timeout_s: int | None = None
    leads: bool = False
    refused: str = ""


class Namespace(BaseModel):
    """What one Ray cluster keeps in a Redis.

    ``leader`` is the host whose head leads it now, ``idle_s`` how long nobody has read or written
    any of it, where Redis tells.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    name: str
    keys: int
    leader: str = ""
    idle_s: float | None = None


class Namespaces(BaseModel):
    """All of adbray's form in one Redis; ``error`` says why they are not known.

    ``sealed`` is how many more there are whose keys the user may not read.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    error: str = ""
    found: tuple[Namespace, ...] = ()
    sealed: int = 0


class Cleared(BaseModel):
    """What became of a namespace (adbray_host.redis_keys.clear_namespace)."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    leader: str = ""
    refused: str = ""
    silent: str = ""
    removed: int = 0
    left: tuple[str, ...] = ()


def judge(host: str, url: str, reading: RedisReading) -> tuple[Finding, ...]:
    """The findings about the Redis at ``url``, asked from ``host``; one that is fine if all is."""
    found = tuple(_findings(host, url, reading))
    if found:
        return found
    text = f"Redis {reading.version} at {url}"
    return (_finding(host, FindingState.OK, text, ""),)


def _findings(host: str, url: str, reading: RedisReading) -> Iterator[Finding]:
    if reading.error:
        remedy = "check redis.url, username and password_file, and the way from this host to there"
        yield _finding(host, FindingState.FAIL, f"{url} does not answer: {reading.error}", remedy)
        return
    if reading.version and release(reading.version) < MIN_REDIS:
        found = f"{url} is Redis {reading.version}"
        yield _finding(host, FindingState.FAIL, found, "upgrade it to 6 or newer")
    if reading.role and reading.role != "master":
        remedy = "name the primary in redis.url"
        yield _finding(host, FindingState.FAIL, f"{url} is a {reading.role}", remedy)
    if not reading.leads:
        found = f"the user may not keep the leadership there: {reading.refused}"
        remedy = "allow it scan, eval, get, set, pttl and del on the keys RAY*"
        yield _finding(host, FindingState.FAIL, found, remedy)
    if reading.policy.startswith("allkeys"):
        found = f"{url} evicts what it needs room for ({reading.policy})"
        yield _finding(host, FindingState.FAIL, found, "set maxmemory-policy noeviction")
    if reading.aof is False and not reading.snapshots:
        found = f"{url} keeps nothing on disk: what the head knows is lost when it restarts"
        yield _finding(host, FindingState.WARN, found, "set appendonly yes")
    elif reading.aof is False:
        found = f"{url} keeps snapshots only: what came after the last one is lost when it restarts"
        yield _finding(host, FindingState.WARN, found, "set appendonly yes")
    if reading.idle_timeout_s:
        found = f"{url} closes connections that were idle for {reading.idle_timeout_s} s"
        remedy = "set timeout 0: Ray's GCS ends when its connection does"
        yield _finding(host, FindingState.WARN, found, remedy)


def _finding(host: str, state: FindingState, found: str, remedy: str) -> Finding:
    return Finding(
        host=host, check=Check.REDIS, state=state, found=found, expected=EXPECTED, remedy=remedy
    )
