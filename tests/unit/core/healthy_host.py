"""A host that passes every check, and how changes of it are judged."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.preflight.findings import Finding, FindingState
from adbray_ctl.core.preflight.judge import preflight
from adbray_ctl.core.preflight.needs import HostNeeds, PortNeed
from adbray_ctl.core.preflight.readings import HostAnswer, HostReadings
from adbray_ctl.core.spec.fleet import Fleet

FLEET = Fleet.model_validate({"kind": "Fleet", "hosts": [{"name": "a", "address": "10.0.0.1"}]})
DISK = {
    "path": "/var/lib",
    "file_system": "ext4",
    "read_only": False,
    "free_gb": 500.0,
    "total_gb": 900.0,
    "free_inodes": 5_000_000,
}
HEALTHY: dict[str, Any] = {
    "clock": 1000.1,
    "took_s": 1.0,
    "root": True,
    "python": "3.11.2",
    "pythons": ("3.11",),
    "releases": {"3.11": "3.11.2"},
    "system": {
        "os": "Debian GNU/Linux 12 (bookworm)",
        "os_id": "debian",
        "os_version": "12",
        "kernel": "6.1.0",
        "arch": "x86_64",
        "libc": "glibc 2.36",
        "systemd": True,
        "container": "",
        "missing_tools": (),
    },
    "cgroup": {"unified": True, "controllers": ("cpuset", "cpu", "io", "memory", "pids")},
    "data_disk": DISK,
    "runtime_disk": {**DISK, "path": "/opt"},
    "loop": {"ready": True, "loadable": False},
    "memory": {"total_mb": 32768, "available_mb": 30000},
    "listeners": [{"port": 22, "pid": 7, "process": "sshd", "unit": "ssh.service"}],
    "time_sync": {"can_ntp": True, "ntp": True, "synchronized": True, "known": True},
    "names": {"hostname": "a", "own": ("10.0.0.1",), "nameservers": ("9.9.9.9",), "unresolved": ()},
    "packages": {
        "apt": True,
        "servers": ("deb.debian.org",),
        "unreachable": (),
        "proxy": False,
        "missing": ("redis-server", "prometheus-redis-exporter"),
        "offered": ("redis-server", "prometheus-redis-exporter"),
    },
    "gpu": {"on_pci": 0, "cards": 0, "driver": ""},
    "sysctls": {
        "inotify_instances": 8192,
        "inotify_watches": 524288,
        "nr_open": 1048576,
        "pid_max": 4194304,
        "first_ephemeral_port": 32768,
        "writable": True,
    },
    "gate": {
        "known": True,
        "groups": ("adbray-slot",),
        "authorizedkeysfile": (".ssh/authorized_keys", ".ssh/authorized_keys2"),
        "authenticationmethods": "any",
        "forcecommand": "none",
        "chrootdirectory": "none",
        "pubkeyauthentication": "yes",
        "max_sessions": 10,
    },
    "ray_versions": ("2.60.0",),
}
NEEDS = HostNeeds(
    group="g",
    python="3.11",
    placed=True,
    slots=("head",),
    ports=(
        PortNeed(slot="head", purpose="gcs", first=6379, last=6379),
        PortNeed(slot="w-0", purpose="worker", first=20010, last=20199),
    ),
    disk_gb=100,
    memory_mb=8192,
    redis=True,
)


def answer(**changes: Any) -> HostAnswer:
    """The healthy host; a dict changes single values of a part, anything else replaces it."""
    merged = changes | {
        key: {**value, **changes[key]} if isinstance(changes.get(key), dict) else value
        for key, value in HEALTHY.items()
    }
    merged |= {key: value for key, value in changes.items() if not isinstance(value, dict)}
    readings = HostReadings.model_validate(merged)
    return HostAnswer(host="a", asked_at=1000.0, answered_at=1001.2, readings=readings)


def judge(
    fleet: Fleet = FLEET, needs: HostNeeds | None = None, **changes: Any
) -> tuple[Finding, ...]:
    wanted = {"a": needs} if needs is not None else {}
    return preflight(fleet=fleet, answers=[answer(**changes)], needs=wanted)


def only_bad(findings: tuple[Finding, ...]) -> Finding:
    (found,) = [one for one in findings if one.state is not FindingState.OK]
    return found
