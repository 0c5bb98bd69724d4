"""The judgement of `adbray check`: each host's readings against what adbray and a group need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from adbray_ctl.core.preflight.advisories import advisories_for
from adbray_ctl.core.preflight.findings import GROUP_WIDE, Finding, FindingState, Subject, worse_of
from adbray_ctl.core.preflight.gate import gate
from adbray_ctl.core.preflight.gpu import gpu
from adbray_ctl.core.preflight.needs import HostNeeds
from adbray_ctl.core.preflight.proxies import proxies
from adbray_ctl.core.preflight.python import numbers, python, releases
from adbray_ctl.core.preflight.readings import (
    Check,
    Fix,
    HostAnswer,
    Silence,
    SysctlReading,
    TimeSyncReading,
)
from adbray_ctl.core.preflight.room import disk, loop, memory, packages, ports
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.hosts import Host

# Seconds a host's clock may differ: a log's order suffers from the first, tokens and TLS from
# the second.
WARN_SKEW_S = 1.0
FAIL_SKEW_S = 30.0
# The oldest release of each that has what the roles use and a Python for groups.
_KNOWN_OS = {"debian": (12,), "ubuntu": (22, 4)}
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


def preflight(
    *,
    fleet: Fleet,
    answers: Sequence[HostAnswer],
    needs: Mapping[str, HostNeeds],
    addresses: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """All hosts' findings, in the fleet's order; a silent host has one, the step that failed.

    A retired host has one too, whatever it is like. ``addresses`` are those that the fleet's hosts
    and nodes really have.
    """
    by_name = {answer.host: answer for answer in answers}
    found: list[Finding] = []
    for host in fleet.hosts:
        answer = by_name.get(host.name)
        if answer is None:
            continue
        if host.retired:
            found.append(_retired(host, answer))
            continue
        if answer.readings is None:
            found.append(_silent(host, answer.silence))
            continue
        subject = Subject(
            fleet=fleet,
            host=host,
            answer=answer,
            readings=answer.readings,
            needs=needs.get(host.name),
            addresses=addresses,
        )
        found += [finding for judge in _JUDGES for finding in judge(subject)]
    return (*found, *releases(answers, needs))


def ray_version(spec: RayClusterSpec) -> Finding:
    """The group's Ray version against the known vulnerabilities."""
    version = spec.ray.version
    known = advisories_for(version)
    found = f"group {spec.name} asks for Ray {version}"
    expected = "a version without a known vulnerability"
    if not known:
        return Finding(
            host=GROUP_WIDE,
            check=Check.RAY,
            state=FindingState.OK,
            found=f"{found}: it has none that adbray knows",
            expected=expected,
        )
    fixed = max(known, key=lambda one: one.fixed)
    return Finding(
        host=GROUP_WIDE,
        check=Check.RAY,
        state=FindingState.FAIL,
        found=f"{found}: {'; '.join(f'{one.id}, {one.what}' for one in known)}",
        expected=expected,
        remedy=f"set ray.version to {fixed.fixed_text} or newer in groups/{spec.name}.yml",
    )


def unplaced(spec: RayClusterSpec, silent: Sequence[str]) -> Finding:
    """Placement cannot be told while a host that may carry slots is silent."""
    return Finding(
        host=GROUP_WIDE,
        check=Check.PLACEMENT,
        state=FindingState.SKIPPED,
        found=f"where the slots of group {spec.name} come is not known while"
        f" {', '.join(silent)} gives no answer",
        expected="every host answers",
        remedy="mend that host first; ports, disk and memory of the slots are not checked",
    )


def does_not_fit(spec: RayClusterSpec, what: str, hint: str) -> Finding:
    """The group fits nowhere; ``what`` and ``hint`` are the PlacementError's."""
    return Finding(
        host=GROUP_WIDE,
        check=Check.PLACEMENT,
        state=FindingState.FAIL,
        found=what,
        expected=f"every slot of group {spec.name} fits on a host",
        remedy=hint,
    )


def placed(spec: RayClusterSpec, needs: Mapping[str, HostNeeds]) -> Finding:
    """Which host gets which slots."""
    return Finding(
        host=GROUP_WIDE,
        check=Check.PLACEMENT,
        state=FindingState.OK,
        found="; ".join(f"{host}: {', '.join(need.slots)}" for host, need in needs.items()),
        expected=f"every slot of group {spec.name} fits on a host",
    )


def _silent(host: Host, silence: Silence | None) -> Finding:
    if silence is None:
        silence = Silence(check=Check.SSH, what="not asked", hint="")
    return Finding(
        host=host.name,
        check=silence.check,
        state=FindingState.FAIL,
        found=silence.what,
        expected=_STEPS.get(silence.check, "an answer"),
        remedy=silence.hint,
    )


def _retired(host: Host, answer: HostAnswer) -> Finding:
    silent = answer.silence is not None
    return Finding(
        host=host.name,
        check=answer.silence.check if answer.silence else Check.SSH,
        state=FindingState.SKIPPED,
        found="it is retired, and " + ("gives no answer" if silent else "answers"),
        expected="nothing: no group uses it",
        remedy="`adbray apply` removes what stands there as soon as it answers" if silent else "",
    )


_STEPS = {
    Check.SSH: "login with the key of fleet.yml",
    Check.SUDO: "root, or sudo without a password",
    Check.PYTHON: "a python3 to run modules with",
}


def _access(of: Subject) -> Iterator[Finding]:
    ssh = of.fleet.ssh_for(of.host)
    took = of.answer.answered_at - of.answer.asked_at
    found = f"{ssh.user}@{of.host.address}:{ssh.port}, asked and answered in {took:.1f} s"
    yield of.finding(Check.SSH, FindingState.OK, found, expected=_STEPS[Check.SSH])
    expected = _STEPS[Check.SUDO]
    if of.readings.root:
        how = "root" if ssh.user == "root" else f"{ssh.user} becomes root without a password"
        yield of.finding(Check.SUDO, FindingState.OK, how, expected=expected)
    else:
        remedy = f"give {ssh.user} passwordless sudo (NOPASSWD) to root, or log in as root"
        found = f"commands of {ssh.user} do not run as root"
        yield of.finding(Check.SUDO, FindingState.FAIL, found, expected=expected, remedy=remedy)


def _os(of: Subject) -> Iterator[Finding]:
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


def _cgroup(of: Subject) -> Iterator[Finding]:
    cgroup = of.readings.cgroup
    expected = f"cgroup v2 with {', '.join(_CONTROLLERS)}"
    missing = [name for name in _CONTROLLERS if name not in cgroup.controllers]
    if cgroup.unified and not missing:
        found = f"cgroup v2 with {', '.join(cgroup.controllers)}"
        yield of.finding(Check.CGROUP, FindingState.OK, found, expected=expected)
        return
    found = f"cgroup v2 without {', '.join(missing)}" if cgroup.unified else "no cgroup v2"
    where = "on the machine that runs this container" if of.readings.system.container else "here"
    yield of.finding(
        Check.CGROUP,
        FindingState.WARN,
        f"{found}: CPU and memory limits of slots are not enforced",
        expected=expected,
        remedy=f"boot with systemd.unified_cgroup_hierarchy=1 {where}",
    )


def _clock(of: Subject) -> Iterator[Finding]:
    offset, margin = clock_offset(of.answer)
    certain = max(abs(offset) - margin, 0.0)
    skew = FindingState.OK
    if certain > WARN_SKEW_S:
        skew = FindingState.FAIL if certain > FAIL_SKEW_S else FindingState.WARN
    direction = "ahead of" if offset > 0 else "behind"
    found = f"{abs(offset):.2f} s {direction} this machine (within {margin:.2f} s)"
    sync, container = of.readings.time_sync, of.readings.system.container
    expected = f"within {WARN_SKEW_S:g} s of this machine, and synchronized"
    if container:
        found += f", kept by the machine around this container ({container})"
        remedy = "set the clock of the machine around it" if skew is not FindingState.OK else ""
        yield of.finding(Check.CLOCK, skew, found, expected=expected, remedy=remedy)
        return
    remedy, fix = "", None
    if sync.synchronized:
        state, found = skew, f"{found}, synchronized"
        if skew is not FindingState.OK:
            remedy = "compare with this machine's own clock: one of the two is wrong"
    else:
        problem, remedy = _unsynchronized(sync)
        state, found = worse_of(skew, FindingState.WARN), f"{found}, {problem}"
        fix = Fix.NTP if sync.can_ntp and not sync.ntp else None
    yield of.finding(Check.CLOCK, state, found, expected=expected, remedy=remedy, fix=fix)


def _unsynchronized(sync: TimeSyncReading) -> tuple[str, str]:
    """What is wrong with the synchronization, and what to do."""
    if not sync.known:
        return "timedatectl does not tell of its synchronization", "install dbus on this host"
    if sync.ntp:
        remedy = "look at `timedatectl timesync-status`: its time server does not answer"
    elif sync.can_ntp:
        remedy = "run `timedatectl set-ntp true`"
    else:
        remedy = "install systemd-timesyncd or chrony"
    return "not synchronized", remedy


def clock_offset(answer: HostAnswer) -> tuple[float, float]:
    """Seconds a host's clock is ahead of ours, and how far off that may be.

    The host read its clock at some time between our question and its answer less the time it
    then worked: the middle is taken, half the span is the margin.
    """
    if answer.readings is None:
        return 0.0, 0.0
    latest = max(answer.answered_at - answer.readings.took_s, answer.asked_at)
    middle = (answer.asked_at + latest) / 2
    return answer.readings.clock - middle, (latest - answer.asked_at) / 2


def _names(of: Subject) -> Iterator[Finding]:
    names = of.readings.names
    problems, remedies = [], []
    if not names.nameservers:
        problems.append("no nameserver in /etc/resolv.conf")
        remedies.append("name one there")
    if not names.own:
        problems.append(f"its own name {names.hostname} is not known to it")
        remedies.append(f"add `127.0.1.1 {names.hostname}` to /etc/hosts")
    if names.unresolved:
        problems.append(f"cannot resolve {', '.join(names.unresolved)}")
        remedies.append("give these names to its DNS, or write IPv4 addresses in fleet.yml")
    expected = "a nameserver, and names that resolve"
    if problems:
        found, remedy = "; ".join(problems), "; ".join(remedies)
        yield of.finding(Check.NAMES, FindingState.WARN, found, expected=expected, remedy=remedy)
        return
    found = f"{names.hostname} is {', '.join(names.own)}; asks {', '.join(names.nameservers)}"
    yield of.finding(Check.NAMES, FindingState.OK, found, expected=expected)


def _kernel(of: Subject) -> Iterator[Finding]:
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


def _runtimes(of: Subject) -> Iterator[Finding]:
    versions = of.readings.ray_versions
    expected = "no installed version with a known vulnerability"
    bad = [
        f"{version} ({', '.join(one.id for one in advisories_for(version))})"
        for version in versions
        if advisories_for(version)
    ]
    if bad:
        found = f"installed: {', '.join(bad)}"
        remedy = "raise ray.version of the groups that use it, and apply them"
        yield of.finding(Check.RAY, FindingState.WARN, found, expected=expected, remedy=remedy)
    else:
        found = f"installed: {', '.join(versions) or 'none yet'}"
        yield of.finding(Check.RAY, FindingState.OK, found, expected=expected)


def _is_known_os(name: str, version: str) -> bool:
    oldest = _KNOWN_OS.get(name)
    return oldest is not None and numbers(version) >= oldest


_JUDGES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    _access,
    _os,
    python,
    _cgroup,
    disk,
    loop,
    memory,
    ports,
    _clock,
    _names,
    gate,
    proxies,
    _kernel,
    gpu,
    packages,
    _runtimes,
)
