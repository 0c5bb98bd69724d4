"""Judges a host's operating system: release, cgroups, name resolution, kernel settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject
from adbray_ctl.core.preflight.fixes import Fix
from adbray_ctl.core.preflight.readings import Check, SysctlReading
from adbray_ctl.core.versions import release

# The oldest release of each that has what the roles use and a Python for groups.
_KNOWN_OS = {"debian": "12", "ubuntu": "22.04"}
# Ray publishes wheels for these, and for glibc alone.
_ARCHITECTURES = ("x86_64", "aarch64")
_CONTROLLERS = ("cpu", "memory", "pids")
# inotify: what the dashboard's and the agents' log monitors take of every slot, with room.
INOTIFY_LIMITS: Mapping[str, int] = {
    "fs.inotify.max_user_instances": 512,
    "fs.inotify.max_user_watches": 65536,
}
# LimitNOFILE of the units, and the TasksMax of a few (core/slot/shares.py).
_NR_OPEN = 1_048_576
_PID_MAX = 65536
# Where the slots' port range ends (core/spec/fleet.py: PortPolicy).
_PORT_RANGE = "net.ipv4.ip_local_port_range"
_FIRST_EPHEMERAL = 32768


def operating_system(of: Subject) -> Iterator[Finding]:
    system = of.readings.system
    found = f"{system.os}, Linux {system.kernel}, {system.arch}"
    expected = "Debian 12 or a relative, x86_64 or aarch64, systemd"
    if not system.systemd:
        yield of.finding(
            Check.OS,
            FindingState.FAIL,
            f"{found}; systemd is not PID 1",
            expected=expected,
            remedy="use a host that systemd boots: slots are its units",
        )
    elif system.arch not in _ARCHITECTURES:
        remedy = "use another host, or leave this one out of the fleet: Ray has no wheels for it"
        yield of.finding(Check.OS, FindingState.FAIL, found, expected=expected, remedy=remedy)
    elif not system.libc.startswith("glibc"):
        remedy = "use a host with glibc: Ray has no wheels for any other"
        found = f"{found}; C library {system.libc or 'unknown'}"
        yield of.finding(Check.OS, FindingState.FAIL, found, expected=expected, remedy=remedy)
    elif not _is_known_os(system.os_id, system.os_version):
        remedy = "adbray is tested on Debian 12; try a group on this host first"
        yield of.finding(Check.OS, FindingState.WARN, found, expected=expected, remedy=remedy)
    else:
        yield of.finding(Check.OS, FindingState.OK, found, expected=expected)


def cgroup(of: Subject) -> Iterator[Finding]:
    seen = of.readings.cgroup
    expected = f"cgroup v2 with {', '.join(_CONTROLLERS)}"
    missing = [name for name in _CONTROLLERS if name not in seen.controllers]
    if seen.unified and not missing:
        found = f"cgroup v2 with {', '.join(seen.controllers)}"
        yield of.finding(Check.CGROUP, FindingState.OK, found, expected=expected)
        return
    found = f"cgroup v2 without {', '.join(missing)}" if seen.unified else "no cgroup v2"
    where = "on the machine that runs this container" if of.readings.system.container else "here"
    yield of.finding(
        Check.CGROUP,
        FindingState.WARN,
        f"{found}: CPU and memory limits of slots are not enforced",
        expected=expected,
        remedy=f"boot with systemd.unified_cgroup_hierarchy=1 {where}",
    )


def names(of: Subject) -> Iterator[Finding]:
    seen = of.readings.names
    problems, remedies = [], []
    if not seen.nameservers:
        problems.append("no nameserver in /etc/resolv.conf")
        remedies.append("name one there")
    if not seen.own:
        problems.append(f"its own name {seen.hostname} is not known to it")
        remedies.append(f"add `127.0.1.1 {seen.hostname}` to /etc/hosts")
    if seen.unresolved:
        problems.append(f"cannot resolve {', '.join(seen.unresolved)}")
        remedies.append("give these names to its DNS, or write IPv4 addresses in fleet.yml")
    expected = "a nameserver, and names that resolve"
    if problems:
        found, remedy = "; ".join(problems), "; ".join(remedies)
        yield of.finding(Check.NAMES, FindingState.WARN, found, expected=expected, remedy=remedy)
        return
    found = f"{seen.hostname} is {', '.join(seen.own)}; asks {', '.join(seen.nameservers)}"
    yield of.finding(Check.NAMES, FindingState.OK, found, expected=expected)


def kernel(of: Subject) -> Iterator[Finding]:
    limits = _kernel_limits(of.readings.sysctls)
    writable = of.readings.sysctls.writable
    # 0 is one that could not be read.
    low = [limit for limit in limits if 0 < limit[1] < limit[2]]
    if not low:
        names = ", ".join(f"{name} {value}" for name, value, _ in limits)
        yield of.finding(
            Check.KERNEL, FindingState.OK, names, expected="room for files, ports, threads"
        )
    for name, value, least in low:
        setting = f'{name}="{least} 60999"' if name == _PORT_RANGE else f"{name}={least}"
        remedy = f"set {setting} in /etc/sysctl.d"
        if not writable:
            remedy += " of the machine around this container"
        yield of.finding(
            Check.KERNEL,
            FindingState.WARN,
            f"{name} is {value}",
            expected=f"{least} or more",
            remedy=remedy,
            fix=Fix.INOTIFY if name in INOTIFY_LIMITS and writable else None,
        )


def _kernel_limits(seen: SysctlReading) -> list[tuple[str, int, int]]:
    """(setting, what it is, the least it should be)."""
    instances, watches = INOTIFY_LIMITS
    return [
        (instances, seen.inotify_instances, INOTIFY_LIMITS[instances]),
        (watches, seen.inotify_watches, INOTIFY_LIMITS[watches]),
        ("fs.nr_open", seen.nr_open, _NR_OPEN),
        ("kernel.pid_max", seen.pid_max, _PID_MAX),
        (_PORT_RANGE, seen.first_ephemeral_port, _FIRST_EPHEMERAL),
    ]


def _is_known_os(name: str, version: str) -> bool:
    oldest = _KNOWN_OS.get(name)
    return oldest is not None and release(version) >= release(oldest)
