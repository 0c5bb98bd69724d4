"""What the user writes of a resource group, as frozen models.

The models check each value by itself; rules across values and files are in ``core/rules``.
Memory and disk are in GiB where a name ends in ``_gb``, in MiB where it ends in ``_mb``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from adbray_ctl.core.slot.gpu import Isolation
from adbray_ctl.core.spec.fleet import Host
from adbray_ctl.core.spec.impact import (
    DELETES_WORKERS,
    GROWS_HEAD,
    GROWS_WORKERS,
    KEEPS,
    MOVES,
    RESTARTS_HEAD,
    RESTARTS_RAY,
    RESTARTS_REDIS,
    RESTARTS_WORKERS,
    SCALES_DOWN,
    SCALES_UP,
    TELLS_HEAD,
)
from adbray_ctl.core.spec.ssh import SPEC_CONFIG, Bool, UserPort
from adbray_ctl.core.spec.strings import (
    VERSION,
    AllocationUnit,
    EnvKey,
    EnvValue,
    FilePath,
    FreeLabelKey,
    Ipv4,
    LabelKey,
    LabelValue,
    Name,
    RedisUrl,
    Requirement,
    ShareOfWorkers,
    SizeName,
    Unfit,
    User,
)

T = TypeVar("T")

MIN_RAY = (2, 54, 0)


def _ray_version(text: str) -> str:
    if tuple(int(part) for part in text.split(".")) < MIN_RAY:
        raise Unfit(
            f"{text!r} is too old",
            f"{'.'.join(map(str, MIN_RAY))} or newer (older ones have CVE-2026-27482)",
        )
    return text


RayVersion = Annotated[str, Field(pattern=VERSION), AfterValidator(_ray_version)]
PythonVersion = Literal["3.10", "3.11", "3.12", "3.13"]


class _Spec(BaseModel):
    model_config = SPEC_CONFIG


class Selector(_Spec):
    """Which hosts may be used: all that match. An empty selector admits every host."""

    names: Annotated[tuple[Name, ...], MOVES] = ()
    """Only these hosts."""
    labels: Annotated[dict[LabelKey, LabelValue], MOVES] = {}
    """Only hosts with all of these labels."""

    def admits(self, host: Host) -> bool:
        """Whether ``host`` may be used."""
        if self.names and host.name not in self.names:
            return False
        return all(host.labels.get(key) == value for key, value in self.labels.items())


class RaySpec(_Spec):
    """The runtime on every host of the group."""

    version: Annotated[RayVersion, RESTARTS_RAY] = "2.60.0"
    """Ray's version, 2.54.0 or newer. Clients need the same."""
    python: Annotated[PythonVersion, RESTARTS_RAY] = "3.11"
    """Python's version, in quotes. Clients need the same."""
    packages: Annotated[tuple[Requirement, ...], RESTARTS_RAY] = ()
    """Python packages installed beside Ray, which brings no numpy of its own."""


class HeadPorts(_Spec):
    """The head's well-known ports."""

    gcs: Annotated[UserPort, RESTARTS_RAY] = 6379
    """What workers and drivers in the cluster connect to."""
    dashboard: Annotated[UserPort, RESTARTS_HEAD] = 8265
    """Dashboard and job submission."""
    client: Annotated[UserPort, RESTARTS_HEAD] = 10001
    """Ray client (ray://)."""


class HeadSpec(_Spec):
    """The head: it runs Ray's control plane and dashboard, and no tasks."""

    size: Annotated[SizeName, RESTARTS_HEAD] = "small"
    """Size from the catalogue."""
    disk_gb: Annotated[int, Field(strict=True, ge=1), GROWS_HEAD] = 100
    """Disk in GiB for logs and temporary files."""
    hosts: Selector = Selector()
    """Hosts it may stand on."""
    ports: HeadPorts = HeadPorts()
    """Well-known ports."""
    standby: Annotated[int, Field(strict=True, ge=0, le=2), RESTARTS_HEAD] = 0
    """Hosts that wait to take the head over when its host dies. Needs virtual_ip and Redis."""
    virtual_ip: Annotated[Ipv4 | None, RESTARTS_RAY] = None
    """A free IPv4 address of the hosts' network, which moves with the head: the one address that
    workers and clients use. Default: the head's host's own."""
    hang_after_s: Annotated[int, Field(strict=True, ge=3, le=600), RESTARTS_HEAD] = 10
    """Seconds for which the head's Ray may leave its health checks unanswered; then it is started
    anew."""


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
    hosts: Selector = Selector()
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


class WorkerType(StrEnum):
    """Whether a worker group's workers have GPUs."""

    CPU = "CPU"
    GPU = "GPU"


class WorkerGroup(_Spec):
    """A named set of equal workers."""

    name: Annotated[Name, DELETES_WORKERS]
    """The worker group's name; its slots are called NAME-0, NAME-1 and so on."""
    type: Annotated[WorkerType, RESTARTS_WORKERS] = WorkerType.CPU
    """CPU or GPU."""
    size: Annotated[SizeName, RESTARTS_WORKERS]
    """Size of each worker, from the catalogue."""
    disk_gb: Annotated[int, Field(strict=True, ge=1), GROWS_WORKERS] = 100
    """Disk of each worker in GiB, for spilled objects, logs and temporary files."""
    min_workers: Annotated[int, Field(strict=True, ge=0), SCALES_UP] = 1
    """Workers that always run."""
    max_workers: Annotated[int, Field(strict=True, ge=1), SCALES_DOWN] = Field(
        default_factory=lambda data: data.get("min_workers", 1)
    )
    """Workers there may be when the load asks for them. Default: min_workers."""
    allocation_unit: Annotated[AllocationUnit | None, RESTARTS_WORKERS] = None
    """GPU only: cards per worker, or "1/n" for one of n slices of a card. Default: 1."""
    isolation: Annotated[Isolation | None, RESTARTS_WORKERS] = None
    """Of slices ("1/n") alone, and required there: what holds workers that share a card to theirs,
    mig, mps or none."""
    hosts: Selector = Selector()
    """Hosts its workers may stand on."""
    labels: Annotated[dict[FreeLabelKey, LabelValue], RESTARTS_WORKERS] = {}
    """Ray node labels, for label_selector of tasks and actors."""
    env: Annotated[dict[EnvKey, EnvValue], RESTARTS_WORKERS] = {}
    """Environment of its workers."""
    object_store_gb: Annotated[
        Annotated[float, Field(strict=True, ge=0.1, le=65536, allow_inf_nan=False)] | None,
        RESTARTS_WORKERS,
    ] = None
    """Shared memory for objects in GiB, part of the size's memory. Default: 30 % of it."""

    max_unavailable: Annotated[ShareOfWorkers, KEEPS] = 1
    """Running workers that a change may take away at once: a number, or a share like "25%"."""

    @property
    def gpu_cards(self) -> int:
        """GPU cards a worker sees: 0 for CPU, 1 for a slice."""
        if self.type is WorkerType.CPU:
            return 0
        return self.allocation_unit if isinstance(self.allocation_unit, int) else 1

    @property
    def gpu_slices(self) -> int:
        """n where the allocation unit is 1/n of a card, else 1."""
        if self.type is WorkerType.GPU and isinstance(self.allocation_unit, str):
            return int(self.allocation_unit.removeprefix("1/"))
        return 1


class RayClusterSpec(_Spec):
    """One resource group: a Ray cluster."""

    kind: Annotated[Literal["RayCluster"], KEEPS]
    """Always RayCluster."""
    name: Annotated[Name, KEEPS]
    """The group's name, the same as the file's without .yml."""
    production: Annotated[Bool, KEEPS] = False
    """Ask for the group's name, and not for a yes, before anything that interrupts jobs."""
    ray: RaySpec = RaySpec()
    """Ray and Python versions, extra packages."""
    head: HeadSpec = HeadSpec()
    """The head."""
    gcs_storage: Annotated[GcsStorage, RESTARTS_HEAD] = GcsStorage.REDIS
    """Where the head's state is kept: redis, or rocksdb for its own disk (Ray 2.60 or newer)."""
    redis: RedisSpec = RedisSpec()
    """The Redis that keeps it."""
    worker_groups: tuple[WorkerGroup, ...] = ()
    """The worker groups."""
    drain_timeout_s: Annotated[int, Field(strict=True, ge=0, le=86_400), KEEPS] = 60
    """Seconds that a worker's running tasks and actors are given before it is stopped."""
    idle_timeout_s: Annotated[int, Field(strict=True, ge=1, le=604_800), TELLS_HEAD] = 60
    """Seconds without work after which a worker above min_workers is stopped."""
    max_launches_per_minute: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=10_000)] | None, TELLS_HEAD
    ] = None
    """Workers the autoscaler may start within a minute; null for no limit."""

    @property
    def redis_is_own(self) -> bool:
        """Whether the group has a Redis, or three, that nobody else uses."""
        return self.redis_mode in (RedisMode.MANAGED, RedisMode.SENTINEL)

    @property
    def redis_mode(self) -> RedisMode:
        """Which Redis the group has; none where its head keeps the state on its disk."""
        return RedisMode.NONE if self.gcs_storage is GcsStorage.ROCKSDB else self.redis.mode
