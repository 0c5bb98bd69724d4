"""What the user writes of a resource group, as frozen models.

The models check each value by itself; rules across values and files are in ``core/rules``.
Memory and disk are in GiB where a name ends in ``_gb``, in MiB where it ends in ``_mb``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from adbray_ctl.core.slot.gpu import Isolation
from adbray_ctl.core.spec.base import SPEC_CONFIG, Bool
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.head import HeadSpec
from adbray_ctl.core.spec.hosts import Selector
from adbray_ctl.core.spec.impact import (
    CHANGES_VERSION,
    DELETES_WORKERS,
    GROWS_WORKERS,
    INSTALLS,
    KEEPS,
    RECUTS,
    RESTARTS_HEAD,
    RESTARTS_WORKERS,
    SCALES_DOWN,
    SCALES_UP,
    TELLS_HEAD,
)
from adbray_ctl.core.spec.redis import GcsStorage, RedisMode, RedisSpec
from adbray_ctl.core.spec.requirements import Requirement
from adbray_ctl.core.spec.strings import (
    VERSION,
    AllocationUnit,
    EnvKey,
    EnvValue,
    FreeLabelKey,
    LabelValue,
    Name,
    ShareOfWorkers,
    SizeName,
    Unfit,
)
from adbray_ctl.core.versions import release

MIN_RAY = "2.54.0"


def _ray_version(text: str) -> str:
    if release(text) < release(MIN_RAY):
        raise Unfit(
            f"{text!r} is too old",
            f"{MIN_RAY} or newer (older ones have CVE-2026-27482)",
        )
    return text


RayVersion = Annotated[str, Field(pattern=VERSION), AfterValidator(_ray_version)]
PythonVersion = Literal["3.10", "3.11", "3.12", "3.13"]


class _Spec(BaseModel):
    model_config = SPEC_CONFIG


class RaySpec(_Spec):
    """The runtime on every host of the group."""

    version: Annotated[RayVersion, CHANGES_VERSION] = "2.60.0"
    """Ray's version, 2.54.0 or newer. Clients need the same."""
    python: Annotated[PythonVersion, CHANGES_VERSION] = "3.11"
    """Python's version, in quotes. Clients need the same."""
    packages: Annotated[tuple[Requirement, ...], INSTALLS] = ()
    """Python packages installed beside Ray, which brings no numpy of its own."""


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
    isolation: Annotated[Isolation | None, RECUTS] = None
    """Of slices ("1/n") alone, and required there: what holds workers that share a card to theirs,
    mig, mps or none."""
    hosts: Selector = Selector.model_construct()
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
    ray: RaySpec = RaySpec.model_construct()
    """Ray and Python versions, extra packages."""
    head: HeadSpec = HeadSpec.model_construct()
    """The head."""
    gcs_storage: Annotated[GcsStorage, RESTARTS_HEAD] = GcsStorage.REDIS
    """Where the head's state is kept: redis, or rocksdb for its own disk (Ray 2.60 or newer)."""
    redis: RedisSpec = RedisSpec.model_construct()
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


def json_schema(kind: Literal["fleet", "group"]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``fleet.yml`` or of ``groups/*.yml``."""
    from adbray_ctl.core.spec.descriptions import DescribedSchema

    model = Fleet if kind == "fleet" else RayClusterSpec
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(mode="validation", schema_generator=DescribedSchema),
    }
