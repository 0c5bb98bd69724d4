"""What the user writes of where a head keeps its state."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from adbray_ctl.core.spec.addresses import RedisUrl
from adbray_ctl.core.spec.base import SPEC_CONFIG
from adbray_ctl.core.spec.hosts import Selector
from adbray_ctl.core.spec.impact import (
    RESTARTS_HEAD,
    RESTARTS_REDIS,
)
from adbray_ctl.core.spec.strings import FilePath, User


class _Spec(BaseModel):
    model_config = SPEC_CONFIG


class RedisMode(StrEnum):
    """Where the head keeps its state."""

    MANAGED = "managed"
    """A Redis of the group's own, on a host other than the head's when there is one."""
    SENTINEL = "sentinel"
    """Three of them on three hosts, of which any one may be lost: Redis Sentinel decides which of
    them the head writes to."""
    EXTERNAL = "external"
    """A Redis that is already there."""
    NONE = "none"
    """Nowhere: the cluster's state is lost when the head restarts."""


class GcsStorage(StrEnum):
    """Where the head's state is kept."""

    REDIS = "redis"
    """Where ``redis`` says."""
    ROCKSDB = "rocksdb"
    """On the head's own disk, by Ray itself; Ray calls it alpha. It outlives the head's processes,
    not its host."""


class RedisSpec(_Spec):
    """The Redis that lets the cluster survive a restart of its head."""

    mode: Annotated[RedisMode, RESTARTS_HEAD] = RedisMode.MANAGED
    """managed, sentinel, external or none."""
    hosts: Selector = Selector.model_construct()
    """Managed and sentinel only: hosts it may stand on."""
    maxmemory_mb: Annotated[int, Field(strict=True, ge=64, le=1_048_576), RESTARTS_REDIS] = 256
    """Managed and sentinel only: what Redis may hold, in MiB; its host reserves twice as much and
    128 MiB. Ray's metadata takes tens of MiB, and what jobs upload the rest: one package of 40 MiB
    or three of 20 MB at 128, of 99 MiB, the most that Ray takes, at 296 and more."""
    url: Annotated[RedisUrl | None, RESTARTS_HEAD] = None
    """External only: redis://HOST:PORT, or rediss:// for TLS."""
    username: Annotated[User | None, RESTARTS_HEAD] = None
    """External only: login name."""
    password_file: Annotated[FilePath | None, RESTARTS_HEAD] = None
    """External only: file on this machine that holds the password; relative to fleet.yml."""
    ca_file: Annotated[FilePath | None, RESTARTS_HEAD] = None
    """External only: file on this machine with the certificates (PEM) that the server of a rediss://
    URL is held against; relative to fleet.yml. Default: those that each host trusts."""
