"""The system of a host: its programs, Pythons, kernel settings, memory, disks and clock."""

from __future__ import annotations

import glob
import os
import platform
from typing import Any

from adbray_host import files, layout, programs
from adbray_host.mounts import free_files, mount_of, space
from adbray_host.preflight.network import PATIENCE_S

# Where the ray_venv module looks for an interpreter.
_PYTHON_DIRS = ("/usr/bin", "/usr/local/bin", "/opt/python/bin")
_TOOLS = ("mkfs.ext4", "resize2fs", "e2fsck", "losetup", "findmnt", "mount", "systemctl")
_SYSCTLS = {
    "inotify_instances": "fs/inotify/max_user_instances",
    "inotify_watches": "fs/inotify/max_user_watches",
    "nr_open": "fs/nr_open",
    "pid_max": "kernel/pid_max",
}


def system() -> dict[str, Any]:
    release = files.fields(files.read("/etc/os-release"))
    virtual = programs.output("systemd-detect-virt", "--container", within_s=PATIENCE_S)
    return {
        "os": release.get("PRETTY_NAME", "unknown"),
        "os_id": release.get("ID", ""),
        "os_version": release.get("VERSION_ID", ""),
        "kernel": platform.release(),
        "arch": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "systemd": os.path.isdir("/run/systemd/system"),
        "container": virtual.strip(),
        "missing_tools": [tool for tool in _TOOLS if programs.path_of(tool) is None],
    }


def pythons() -> dict[str, str]:
    """The program of each interpreter that Ray's environment could be made with, by version."""
    found: dict[str, str] = {}
    for folder in _PYTHON_DIRS:
        for path in glob.glob(os.path.join(folder, "python3.*")):
            version = os.path.basename(path)[len("python") :]
            if version.replace(".", "").isdigit() and os.access(path, os.X_OK):
                found.setdefault(version, path)
    return {version: found[version] for version in sorted(found, key=_numbers)}


def releases(found: dict[str, str]) -> dict[str, str]:
    """The whole version of each interpreter: 3.11.2 of 3.11."""
    code = "import platform; print(platform.python_version())"
    texts = {
        version: programs.output(path, "-c", code, within_s=PATIENCE_S)
        for version, path in found.items()
    }
    return {version: text.strip() for version, text in texts.items() if text}


def disk(path: str) -> dict[str, Any]:
    """Free space below ``path``, at the nearest directory there is."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    stat, mount = os.statvfs(path), mount_of(path)
    return {
        "path": path,
        "point": mount.point,
        "file_system": mount.kind,
        "project_quota": mount.project_quota,
        "read_only": mount.read_only,
        "free_inodes": free_files(stat),
        **space(stat),
    }


def loop() -> dict[str, Any]:
    ready = os.path.exists("/dev/loop-control")
    name = "/lib/modules/%s/" % platform.release()
    listed = files.read(name + "modules.dep") + files.read(name + "modules.builtin")
    return {"ready": ready, "loadable": not ready and "/loop.ko" in listed}


def memory() -> dict[str, int]:
    found = files.fields(files.read("/proc/meminfo"), ":")
    names = {"total_mb": "MemTotal", "available_mb": "MemAvailable"}
    return {key: _number(found.get(name, "")) // 1024 for key, name in names.items()}


def cgroup() -> dict[str, Any]:
    controllers = layout.CGROUPS + "/cgroup.controllers"
    return {
        "unified": os.path.exists(controllers),
        "controllers": files.read(controllers).split(),
    }


def clock() -> dict[str, Any]:
    found = files.fields(programs.output("timedatectl", "show", within_s=PATIENCE_S))
    return {
        "can_ntp": found.get("CanNTP") == "yes",
        "ntp": found.get("NTP") == "yes",
        "synchronized": found.get("NTPSynchronized") == "yes",
        # Without timedated (no systemd, no bus) nothing is known. The kernel's flag, which it
        # shows, is set by chrony and ntpd as well.
        "known": bool(found),
    }


def sysctls() -> dict[str, Any]:
    found: dict[str, Any] = {
        key: _number(files.read("/proc/sys/" + path)) for key, path in _SYSCTLS.items()
    }
    span = files.read("/proc/sys/net/ipv4/ip_local_port_range").split()
    found["first_ephemeral_port"] = int(span[0]) if len(span) == 2 else 0
    # Containers see the machine's settings and may not change them.
    found["writable"] = os.access("/proc/sys/" + _SYSCTLS["inotify_instances"], os.W_OK)
    return found


def ray_versions() -> list[str]:
    """Of the environments that adbray made here: /opt/adbray/ray-VERSION-pyVERSION."""
    paths = glob.glob(layout.RUNTIMES + "/ray-*-py*/bin/ray")
    return sorted({path[len(layout.RUNTIMES) :].split("-")[1] for path in paths})


def _number(text: str) -> int:
    words = text.split()
    return int(words[0]) if words and words[0].isdigit() else 0


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
