"""The check's remote half: reads what a preflight must know of a host and prints one JSON text.

Standard library only, Python 3.7 or newer, one process for everything, and it changes nothing.
file_systems.py, gpus.py and gate_reading.py travel with it (host_scripts.py). The argument is a
JSON object; ``names`` are the host names that this host should resolve, ``path`` and ``spill_path``
where disks are to be kept.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from adbray_ctl.adapters.host import gate_reading, gpus
from adbray_ctl.adapters.host.file_systems import mounts

DATA = "/var/lib/adbray"
RUNTIMES = "/opt/adbray"
TOOL_DIRS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Where the ray_venv module looks for an interpreter.
PYTHON_DIRS = ("/usr/bin", "/usr/local/bin", "/opt/python/bin")
TOOLS = ("mkfs.ext4", "resize2fs", "e2fsck", "losetup", "findmnt", "mount", "systemctl")
# What the roles of a group's own Redis install, by a file of each.
PACKAGES = {
    "redis-server": "/usr/bin/redis-server",
    "prometheus-redis-exporter": "/usr/bin/prometheus-redis-exporter",
}
# For one name, one package server or one program: a silent one must not hold up the answer.
PATIENCE_S = 5.0
SYSCTLS = {
    "inotify_instances": "fs/inotify/max_user_instances",
    "inotify_watches": "fs/inotify/max_user_watches",
    "nr_open": "fs/nr_open",
    "pid_max": "kernel/pid_max",
}


def read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def output(*command: str) -> str:
    """What a program says, or nothing when it is not there, fails, or takes too long."""
    path = shutil.which(command[0], path=TOOL_DIRS)
    if path is None:
        return ""
    environment = dict(os.environ, LC_ALL="C")
    try:
        result = subprocess.run(
            [path, *command[1:]],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout.decode(errors="replace") if result.returncode == 0 else ""


def fields(text: str, separator: str = "=") -> dict[str, str]:
    """Lines of NAME=value, quotes taken off."""
    pairs = (line.split(separator, 1) for line in text.splitlines() if separator in line)
    return {name.strip(): value.strip().strip('"') for name, value in pairs}


def number(text: str) -> int:
    words = text.split()
    return int(words[0]) if words and words[0].isdigit() else 0


def system() -> dict[str, Any]:
    release = fields(read("/etc/os-release"))
    return {
        "os": release.get("PRETTY_NAME", "unknown"),
        "os_id": release.get("ID", ""),
        "os_version": release.get("VERSION_ID", ""),
        "kernel": platform.release(),
        "arch": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "systemd": os.path.isdir("/run/systemd/system"),
        "container": output("systemd-detect-virt", "--container").strip(),
        "missing_tools": [t for t in TOOLS if shutil.which(t, path=TOOL_DIRS) is None],
    }


def pythons() -> list[str]:
    found = set()
    for folder in PYTHON_DIRS:
        for path in glob.glob(os.path.join(folder, "python3.*")):
            version = os.path.basename(path)[len("python") :]
            if version.replace(".", "").isdigit() and os.access(path, os.X_OK):
                found.add(version)
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def releases(versions: list[str]) -> dict[str, str]:
    """The whole version of each interpreter: 3.11.2 of 3.11."""
    path = os.pathsep.join(PYTHON_DIRS)
    found = {}
    for version in versions:
        program = shutil.which("python" + version, path=path) or ""
        text = output(program, "-c", "import platform; print(platform.python_version())")
        if text:
            found[version] = text.strip()
    return found


def disk(path: str) -> dict[str, Any]:
    """Free space below ``path``, at the nearest directory there is."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    stat = os.statvfs(path)
    best: dict[str, Any] = {"point": "", "kind": "", "read_only": False, "project_quota": False}
    for mount in mounts():
        point = mount["point"]
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best["point"]):
            best = mount
    return {
        "path": path,
        "point": best["point"],
        "file_system": best["kind"],
        "project_quota": best["project_quota"],
        "read_only": best["read_only"],
        "free_gb": stat.f_bavail * stat.f_frsize / 2**30,
        "total_gb": stat.f_blocks * stat.f_frsize / 2**30,
        # btrfs and others count no inodes at all.
        "free_inodes": stat.f_favail if stat.f_files else None,
    }


def loop() -> dict[str, Any]:
    ready = os.path.exists("/dev/loop-control")
    name = "/lib/modules/%s/" % platform.release()
    listed = read(name + "modules.dep") + read(name + "modules.builtin")
    return {"ready": ready, "loadable": not ready and "/loop.ko" in listed}


def memory() -> dict[str, int]:
    found = fields(read("/proc/meminfo"), ":")
    names = {"total_mb": "MemTotal", "available_mb": "MemAvailable"}
    return {key: number(found.get(name, "")) // 1024 for key, name in names.items()}


def listeners() -> list[dict[str, Any]]:
    """Every TCP port that something listens on, with who that is."""
    sockets = {}
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(path).splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A":  # TCP_LISTEN
                sockets[parts[9]] = int(parts[1].rpartition(":")[2], 16)
    owners = socket_owners(set(sockets))
    found = []
    for inode, port in sorted(sockets.items(), key=lambda item: item[1]):
        pid = owners.get(inode, 0)
        name = read("/proc/%d/comm" % pid).strip() if pid else ""
        found.append({"port": port, "pid": pid, "process": name, "unit": unit_of(pid)})
    return found


def socket_owners(inodes: set[str]) -> dict[str, int]:
    owners: dict[str, int] = {}
    for folder in glob.glob("/proc/[0-9]*/fd"):
        try:
            for name in os.listdir(folder):
                target = os.readlink(os.path.join(folder, name))
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    owners.setdefault(target[8:-1], int(folder.split("/")[2]))
        except OSError:
            continue  # the process has ended, or closed this one
    return owners


def unit_of(pid: int) -> str:
    """The systemd unit that ``pid`` is in, by the name of its control group."""
    for line in read("/proc/%d/cgroup" % pid).splitlines() if pid else ():
        parts = [part for part in line.split(":", 2)[2].split("/") if part.endswith(".service")]
        if parts:
            return parts[-1]
    return ""


def clock() -> dict[str, Any]:
    found = fields(output("timedatectl", "show"))
    return {
        "can_ntp": found.get("CanNTP") == "yes",
        "ntp": found.get("NTP") == "yes",
        "synchronized": found.get("NTPSynchronized") == "yes",
        # Without timedated (no systemd, no bus) nothing is known. The kernel's flag, which it
        # tells, is set by chrony and ntpd as well.
        "known": bool(found),
    }


def resolve(name: str, found: dict[str, list[str]]) -> None:
    try:
        answers = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
        found[name] = sorted({str(answer[4][0]) for answer in answers})
    except (OSError, UnicodeError):
        found[name] = []


def in_parallel(function: Any, items: list[Any]) -> None:
    """Call ``function`` with each item; what takes too long is left behind."""
    threads = [threading.Thread(target=function, args=(item,), daemon=True) for item in items]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))


def names(wanted: list[str]) -> dict[str, Any]:
    hostname = socket.gethostname()
    found: dict[str, list[str]] = {}
    in_parallel(lambda name: resolve(name, found), [hostname, *wanted])
    lines = [line.split() for line in read("/etc/resolv.conf").splitlines()]
    return {
        "hostname": hostname,
        "own": list(found.get(hostname, [])),
        "nameservers": [line[1] for line in lines if len(line) > 1 and line[0] == "nameserver"],
        "unresolved": [name for name in wanted if not found.get(name)],
    }


def package_servers() -> list[tuple[str, int]]:
    """The servers of apt's sources, each once, as (host, port)."""
    found: set[str] = set()
    # apt reads no other names there; both formats name servers by their URLs.
    listed = glob.glob("/etc/apt/sources.list.d/*.list")
    listed += glob.glob("/etc/apt/sources.list.d/*.sources")
    for path in ["/etc/apt/sources.list", *listed]:
        for line in read(path).splitlines():
            if not line.lstrip().startswith("#"):
                found.update(w for w in line.split() if w.startswith(("http://", "https://")))
    servers = set()
    for url in found:
        scheme, _, rest = url.partition("://")
        host, _, port = rest.split("/", 1)[0].rpartition("@")[2].partition(":")
        servers.add((host, int(port) if port.isdigit() else 443 if scheme == "https" else 80))
    return sorted(servers)


def packages() -> dict[str, Any]:
    unreachable: list[str] = []
    reached: list[str] = []
    # Through a proxy the servers are not reached directly, and need not be.
    proxy = "::proxy " in output("apt-config", "dump").lower()

    def reach(server: tuple[str, int]) -> None:
        try:
            socket.create_connection(server, timeout=PATIENCE_S - 1).close()
            reached.append(server[0])
        except (OSError, UnicodeError) as error:
            unreachable.append("%s (%s)" % (server[0], error))

    servers = package_servers()
    if not proxy:
        in_parallel(reach, servers)
        tried = reached + [text.split(" ", 1)[0] for text in unreachable]
        unreachable += ["%s (no answer)" % host for host, _ in servers if host not in tried]
    missing = [name for name, path in PACKAGES.items() if not os.access(path, os.X_OK)]

    def offered(name: str) -> bool:
        candidate = fields(output("apt-cache", "policy", name), ":").get("Candidate", "")
        return candidate not in ("", "(none)")

    return {
        "apt": shutil.which("apt-get", path=TOOL_DIRS) is not None,
        "servers": [host for host, _ in servers],
        "unreachable": sorted(unreachable),
        "proxy": proxy,
        "missing": missing,
        "offered": [name for name in missing if offered(name)],
    }


def proxies() -> dict[str, dict[str, str]]:
    """The variables about proxies: those of a login, and those that systemd gives its units."""
    login = dict(fields(read("/etc/environment").replace("export ", "")), **os.environ)
    units = fields(output("systemctl", "show-environment"))
    return {"login": about_proxies(login), "systemd": about_proxies(units)}


def about_proxies(environment: dict[str, str]) -> dict[str, str]:
    """Without users and passwords, also where there is no scheme."""
    secret = re.compile(r"^([a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)
    wanted = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    return {
        name: secret.sub(r"\1", value.strip("'$"))
        for name, value in sorted(environment.items())
        if name.lower() in wanted and value
    }


def sysctls() -> dict[str, Any]:
    found: dict[str, Any] = {
        key: number(read("/proc/sys/" + path)) for key, path in SYSCTLS.items()
    }
    span = read("/proc/sys/net/ipv4/ip_local_port_range").split()
    found["first_ephemeral_port"] = int(span[0]) if len(span) == 2 else 0
    # Containers see the machine's settings and may not change them.
    found["writable"] = os.access("/proc/sys/" + SYSCTLS["inotify_instances"], os.W_OK)
    return found


def ray_versions() -> list[str]:
    """Of the environments that adbray made here: /opt/adbray/ray-VERSION-pyVERSION."""
    paths = glob.glob(RUNTIMES + "/ray-*-py*/bin/ray")
    return sorted({path[len(RUNTIMES) :].split("-")[1] for path in paths})


def main() -> None:
    now, begun = time.time(), time.monotonic()
    cards = gpus.reading()  # before there are threads, since it forks
    arguments = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    spill_path = arguments.get("spill_path")
    controllers = "/sys/fs/cgroup/cgroup.controllers"
    answer = {
        "clock": now,
        "root": os.geteuid() == 0,
        "python": platform.python_version(),
        "pythons": pythons(),
        "releases": releases(pythons()),
        "system": system(),
        "cgroup": {
            "unified": os.path.exists(controllers),
            "controllers": read(controllers).split(),
        },
        "data_disk": disk(arguments.get("path") or DATA),
        "spill_disk": disk(spill_path) if spill_path else None,
        "runtime_disk": disk(RUNTIMES),
        "loop": loop(),
        "memory": memory(),
        "listeners": listeners(),
        "time_sync": clock(),
        "names": names(arguments.get("names", [])),
        "packages": packages(),
        "proxies": proxies(),
        "gpu": cards,
        "sysctls": sysctls(),
        "gate": gate_reading.gate(),
        "ray_versions": ray_versions(),
    }
    # The clock was read first; with this the asker knows when, to a round trip.
    answer["took_s"] = time.monotonic() - begun
    print(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # a thread that still waits for a name would hold the interpreter


main()
