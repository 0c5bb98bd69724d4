"""What a host reads of itself for `adbray check`, before anything is judged."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.observed.gpus import GpuReading


class Check(StrEnum):
    """What is looked at, in the order of the table."""

    SSH = "ssh"
    SUDO = "sudo"
    OS = "os"
    PYTHON = "python"
    CGROUP = "cgroup"
    DISK = "disk"
    LOOP = "loop"
    MEMORY = "memory"
    PORTS = "ports"
    CLOCK = "clock"
    NAMES = "names"
    PROXY = "proxy"
    GATE = "gate"
    KERNEL = "kernel"
    GPU = "gpu"
    PACKAGES = "packages"
    RAY = "ray"
    REDIS = "redis"
    RECORDS = "records"
    MACHINES = "machines"
    PLACEMENT = "placement"


class _Reading(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class SystemReading(_Reading):
    """Operating system; ``container`` is the kind of container it runs in, if it does."""

    os: str
    os_id: str
    os_version: str
    kernel: str
    arch: str
    libc: str
    systemd: bool
    container: str
    missing_tools: tuple[str, ...]


class CgroupReading(_Reading):
    """``controllers`` are those that cgroup v2 offers at its root."""

    unified: bool
    controllers: tuple[str, ...]


class DiskReading(_Reading):
    """Space in GiB where ``path`` is; ``point`` is where its file system is mounted.

    ``project_quota`` says that it enforces those of projects. ``free_inodes`` is None where none
    are counted.
    """

    path: str
    point: str = ""
    file_system: str
    project_quota: bool = False
    read_only: bool
    free_gb: float
    total_gb: float
    free_inodes: int | None


class LoopReading(_Reading):
    """Loop devices: ``ready`` to use, or ``loadable`` as a module of the running kernel."""

    ready: bool
    loadable: bool


class MemoryReading(_Reading):
    """Memory in MiB."""

    total_mb: int
    available_mb: int


class Listener(_Reading):
    """A TCP port in use; ``pid`` is 0 where its process cannot be seen."""

    port: int
    pid: int
    process: str
    unit: str

    @property
    def is_adbrays(self) -> bool:
        """Whether one of adbray's own units listens."""
        return self.unit.startswith("adbray-")

    @property
    def text(self) -> str:
        who = self.process or "an unknown process"
        return f"{who} (pid {self.pid})" if self.pid else who


class TimeSyncReading(_Reading):
    """timedatectl's view; all False when it is not ``known``."""

    can_ntp: bool
    ntp: bool
    synchronized: bool
    known: bool


class NamesReading(_Reading):
    """Name resolution; ``own`` are the IPv4 addresses that the host's own name stands for."""

    hostname: str
    own: tuple[str, ...]
    nameservers: tuple[str, ...]
    unresolved: tuple[str, ...]


class PackagesReading(_Reading):
    """apt's sources. With a ``proxy`` the servers are not tried.

    Of the packages that adbray installs, ``missing`` are not there; apt's lists name ``offered``.
    """

    apt: bool
    servers: tuple[str, ...]
    unreachable: tuple[str, ...]
    proxy: bool
    missing: tuple[str, ...]
    offered: tuple[str, ...]


class ProxiesReading(_Reading):
    """Variables such as http_proxy and no_proxy: of a login, and of what systemd starts."""

    login: dict[str, str] = {}
    systemd: dict[str, str] = {}


class SysctlReading(_Reading):
    """Kernel settings; 0 is one that could not be read. ``writable`` says they can be changed."""

    inotify_instances: int
    inotify_watches: int
    nr_open: int
    pid_max: int
    first_ephemeral_port: int
    writable: bool


class GateReading(_Reading):
    """sshd's settings for the user that heads log in as; ``why`` they are not known, if so.

    ``groups`` are the user's. The names are sshd's own, in lower case.
    """

    known: bool = False
    why: str = "not asked"
    groups: tuple[str, ...] = ()
    allowusers: tuple[str, ...] = ()
    denyusers: tuple[str, ...] = ()
    allowgroups: tuple[str, ...] = ()
    denygroups: tuple[str, ...] = ()
    authorizedkeysfile: tuple[str, ...] = ()
    authenticationmethods: str = ""
    forcecommand: str = ""
    chrootdirectory: str = ""
    pubkeyauthentication: str = ""
    max_sessions: int = 10


class HostReadings(_Reading):
    """One host's whole answer.

    ``clock`` is its time in seconds since the epoch, read first of all; ``took_s`` is how long
    the rest took. ``pythons`` are the interpreters a group can ask for, ``releases`` their whole
    versions, ``ray_versions`` those of the environments that adbray made there.
    """

    clock: float
    took_s: float
    root: bool
    python: str
    pythons: tuple[str, ...]
    releases: dict[str, str] = {}
    system: SystemReading
    cgroup: CgroupReading
    data_disk: DiskReading
    spill_disk: DiskReading | None = None
    runtime_disk: DiskReading
    loop: LoopReading
    memory: MemoryReading
    listeners: tuple[Listener, ...]
    time_sync: TimeSyncReading
    names: NamesReading
    packages: PackagesReading
    proxies: ProxiesReading = ProxiesReading.model_construct()
    gpu: GpuReading
    sysctls: SysctlReading
    gate: GateReading = GateReading.model_construct()
    ray_versions: tuple[str, ...]


class Silence(_Reading):
    """Why a host gave no readings: the step that failed, and what to do."""

    check: Check
    what: str
    hint: str


class HostAnswer(_Reading):
    """A host's readings, or its silence.

    ``asked_at`` and ``answered_at`` are the control machine's time (seconds since the epoch)
    just before the request and just after the answer.
    """

    host: str
    asked_at: float = 0.0
    answered_at: float = 0.0
    readings: HostReadings | None = None
    silence: Silence | None = None
