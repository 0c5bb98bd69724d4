"""What the user writes: the fleet and its resource groups, as frozen models.

The models check each value by itself; rules across values and files are in ``core/checks.py``.
Memory and disk are in GiB where a name ends in ``_gb``, in MiB where it ends in ``_mb``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from adbray_ctl.core.catalog import Size
from adbray_ctl.core.names import (
    VERSION,
    Address,
    EnvKey,
    EnvValue,
    FilePath,
    FreeLabelKey,
    LabelKey,
    LabelValue,
    Name,
    RedisUrl,
    Requirement,
    SizeName,
    Unfit,
    User,
    check_allocation_unit,
)

T = TypeVar("T")

# YAML knows its types: "5" is no number and true is not 1, so nothing is converted silently.
Int = Annotated[int, Field(strict=True)]
Bool = Annotated[bool, Field(strict=True)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
UserPort = Annotated[int, Field(strict=True, ge=1024, le=65535)]

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
AllocationUnit = Annotated[
    int | str,
    PlainValidator(check_allocation_unit),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 16},
                {"type": "string", "pattern": "^1/([2-9]|1[0-6])$"},
            ]
        }
    ),
]


class _Spec(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class Jump(_Spec):
    """A host that SSH connections go through."""

    address: Address
    """IPv4 address or DNS name of the jump host."""
    user: User = "root"
    """Login name on the jump host."""
    port: Port = 22
    """SSH port of the jump host."""
    identity_file: FilePath | None = None
    """Private key for the jump host; relative to fleet.yml. Default: ssh's own choice."""


class Ssh(_Spec):
    """How hosts are logged in to. A user other than root needs sudo without a password."""

    user: User = "root"
    """Login name; if it is not root, sudo without a password is used."""
    port: Port = 22
    """SSH port."""
    identity_file: FilePath | None = None
    """Private key; relative to fleet.yml. Default: ssh's own choice."""
    connect_timeout_s: Annotated[int, Field(strict=True, ge=1, le=300)] = 10
    """Seconds to wait for a connection."""
    jump: Jump | None = None
    """Host to go through, if the hosts cannot be reached directly."""


class SshOverride(_Spec):
    """What one host does differently from the fleet's ``ssh``; what is left out is inherited."""

    user: User | None = None
    """Login name."""
    port: Port | None = None
    """SSH port."""
    identity_file: FilePath | None = None
    """Private key; relative to fleet.yml."""
    connect_timeout_s: Annotated[int, Field(strict=True, ge=1, le=300)] | None = None
    """Seconds to wait for a connection."""
    jump: Jump | None = None
    """Host to go through; null written out means none, whatever the fleet says."""


class DeclaredCapacity(_Spec):
    """What a host may be used for; what is left out is detected on the host."""

    cpus: Annotated[int, Field(strict=True, ge=1, le=4096)] | None = None
    """CPU cores."""
    memory_gb: (
        Annotated[float, Field(strict=True, ge=0.5, le=262144, allow_inf_nan=False)] | None
    ) = None
    """Memory in GiB."""
    disk_gb: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] | None = None
    """Disk for slots in GiB."""
    gpus: Annotated[int, Field(strict=True, ge=0, le=64)] | None = None
    """Whole GPUs."""


class Host(_Spec):
    """One machine of the fleet."""

    name: Name
    """The host's name in adbray; it need not be its hostname."""
    address: Address
    """IPv4 address or DNS name, for SSH and for the other hosts of a cluster."""
    ssh: SshOverride | None = None
    """What differs from the fleet's SSH settings."""
    labels: dict[LabelKey, LabelValue] = {}
    """Labels that host selectors match, for example zone: a."""
    capacity: DeclaredCapacity | None = None
    """What may be used of it. Default: what the host detects."""


class Range(_Spec):
    """Smallest and largest value allowed, both included."""

    min: Annotated[int, Field(strict=True, ge=1)] = 30
    """Smallest value."""
    max: Annotated[int, Field(strict=True, ge=1)] = 2000
    """Largest value."""


class Limits(_Spec):
    """The operator's policy for groups; the defaults are AnalyticDB Ray's."""

    disk_gb: Range = Range()
    """Disk of a head or worker in GiB."""
    min_workers: Annotated[int, Field(strict=True, ge=0, le=1000)] = 1
    """Fewest workers a worker group may ask for as its min_workers."""
    max_workers: Annotated[int, Field(strict=True, ge=1, le=1000)] = 8
    """Most workers a worker group may ask for as its max_workers."""


class PortPolicy(_Spec):
    """Where the slots' fixed ports lie: block n begins at ``base + n * block``.

    The whole range stays below 32768, where Linux's ephemeral ports begin
    (net.ipv4.ip_local_port_range), so that no outgoing connection can sit on a slot's port.
    """

    base: Annotated[int, Field(strict=True, ge=1024, le=32568)] = 20000
    """First port of the first block."""
    block: Annotated[int, Field(strict=True, ge=50, le=2000)] = 200
    """Ports of one slot; all but ten serve Ray's worker processes."""


class Fleet(_Spec):
    """All hosts, how they are reached, and what groups may ask of them."""

    kind: Literal["Fleet"]
    """Always Fleet."""
    ssh: Ssh = Ssh()
    """SSH settings of every host."""
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    """The machines."""
    sizes: dict[SizeName, Size] = {}
    """Sizes added to the built-in catalogue, by name."""
    limits: Limits = Limits()
    """What groups may ask for."""
    ports: PortPolicy = PortPolicy()
    """Where the slots' ports lie."""

    def host(self, name: str) -> Host:
        """The host called ``name``; KeyError if there is none."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def ssh_for(self, host: Host) -> Ssh:
        """The fleet's SSH settings with those of ``host`` laid over them."""
        if host.ssh is None:
            return self.ssh
        own = {field: getattr(host.ssh, field) for field in host.ssh.model_fields_set}
        kept = {field: value for field, value in own.items() if value is not None}
        if "jump" in own:
            kept["jump"] = own["jump"]
        return self.ssh.model_copy(update=kept)


class Selector(_Spec):
    """Which hosts may be used: all that match. An empty selector admits every host."""

    names: tuple[Name, ...] = ()
    """Only these hosts."""
    labels: dict[LabelKey, LabelValue] = {}
    """Only hosts with all of these labels."""

    def admits(self, host: Host) -> bool:
        """Whether ``host`` may be used."""
        if self.names and host.name not in self.names:
            return False
        return all(host.labels.get(key) == value for key, value in self.labels.items())


class RaySpec(_Spec):
    """The runtime on every host of the group."""

    version: RayVersion = "2.60.0"
    """Ray's version, 2.54.0 or newer. Clients need the same."""
    python: PythonVersion = "3.11"
    """Python's version, in quotes. Clients need the same."""
    packages: tuple[Requirement, ...] = ()
    """Python packages installed beside Ray, which brings no numpy of its own."""


class HeadPorts(_Spec):
    """The head's well-known ports."""

    gcs: UserPort = 6379
    """What workers and drivers in the cluster connect to."""
    dashboard: UserPort = 8265
    """Dashboard and job submission."""
    client: UserPort = 10001
    """Ray client (ray://)."""


class HeadSpec(_Spec):
    """The head: it runs Ray's control plane and dashboard, and no tasks."""

    size: SizeName = "small"
    """Size from the catalogue."""
    disk_gb: Annotated[int, Field(strict=True, ge=1)] = 100
    """Disk in GiB for logs and temporary files."""
    hosts: Selector = Selector()
    """Hosts it may stand on."""
    ports: HeadPorts = HeadPorts()
    """Well-known ports."""


class RedisMode(StrEnum):
    """Where the head keeps its state."""

    MANAGED = "managed"
    """A Redis of the group's own, on a host other than the head's when there is one."""
    EXTERNAL = "external"
    """A Redis that is already there."""
    NONE = "none"
    """Nowhere: the cluster's state is lost when the head restarts."""


class RedisSpec(_Spec):
    """The Redis that lets the cluster survive a restart of its head."""

    mode: RedisMode = RedisMode.MANAGED
    """managed, external or none."""
    hosts: Selector = Selector()
    """Managed only: hosts it may stand on."""
    maxmemory_mb: Annotated[int, Field(strict=True, ge=64, le=1_048_576)] = 256
    """Managed only: memory limit in MiB. Ray's metadata takes tens of MiB."""
    url: RedisUrl | None = None
    """External only: redis://HOST:PORT, or rediss:// for TLS."""
    username: User | None = None
    """External only: login name."""
    password_file: FilePath | None = None
    """External only: file on this machine that holds the password; relative to fleet.yml."""


class WorkerType(StrEnum):
    """Whether a worker group's workers have GPUs."""

    CPU = "CPU"
    GPU = "GPU"


class WorkerGroup(_Spec):
    """A named set of equal workers."""

    name: Name
    """The worker group's name; its slots are called NAME-0, NAME-1 and so on."""
    type: WorkerType = WorkerType.CPU
    """CPU or GPU."""
    size: SizeName
    """Size of each worker, from the catalogue."""
    disk_gb: Annotated[int, Field(strict=True, ge=1)] = 100
    """Disk of each worker in GiB, for spilled objects, logs and temporary files."""
    min_workers: Annotated[int, Field(strict=True, ge=0)] = 1
    """Workers that always run."""
    max_workers: Annotated[int, Field(strict=True, ge=1)] = Field(
        default_factory=lambda data: data.get("min_workers", 1)
    )
    """Workers there may be when the load asks for them. Default: min_workers."""
    allocation_unit: AllocationUnit | None = None
    """GPU only: cards per worker, or "1/n" for one of n slices of a card. Default: 1."""
    hosts: Selector = Selector()
    """Hosts its workers may stand on."""
    labels: dict[FreeLabelKey, LabelValue] = {}
    """Ray node labels, for label_selector of tasks and actors."""
    env: dict[EnvKey, EnvValue] = {}
    """Environment of its workers."""
    object_store_gb: (
        Annotated[float, Field(strict=True, ge=0.1, le=65536, allow_inf_nan=False)] | None
    ) = None
    """Shared memory for objects in GiB, part of the size's memory. Default: 30 % of it."""

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

    kind: Literal["RayCluster"]
    """Always RayCluster."""
    name: Name
    """The group's name, the same as the file's without .yml."""
    production: Bool = False
    """Ask for more than a yes before anything that interrupts jobs."""
    ray: RaySpec = RaySpec()
    """Ray and Python versions, extra packages."""
    head: HeadSpec = HeadSpec()
    """The head."""
    redis: RedisSpec = RedisSpec()
    """Where the head's state is kept."""
    worker_groups: tuple[WorkerGroup, ...] = ()
    """The worker groups."""
    idle_timeout_s: Annotated[int, Field(strict=True, ge=1, le=604_800)] = 60
    """Seconds without work after which a worker above min_workers is stopped."""


def json_schema(kind: Literal["fleet", "group"]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``fleet.yml`` or of ``groups/*.yml``."""
    model = Fleet if kind == "fleet" else RayClusterSpec
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(mode="validation"),
    }
