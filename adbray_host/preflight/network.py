"""What a host reaches by the network: names, package servers, and by which proxies."""

from __future__ import annotations

import glob
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from adbray_host import files, programs

# For one name, one package server or one program: a silent one must not hold up the answer.
PATIENCE_S = 5.0
# What the roles of a group's own Redis install, by a file of each.
_PACKAGES = {
    "redis-server": "/usr/bin/redis-server",
    "prometheus-redis-exporter": "/usr/bin/prometheus-redis-exporter",
}


def names(wanted: list[str]) -> dict[str, Any]:
    """This host's name and addresses, and which of ``wanted`` it cannot resolve."""
    hostname = socket.gethostname()
    found: dict[str, list[str]] = {}
    _in_parallel(lambda name: _resolve(name, found), [hostname, *wanted])
    lines = [line.split() for line in files.read("/etc/resolv.conf").splitlines()]
    return {
        "hostname": hostname,
        "own": list(found.get(hostname, [])),
        "nameservers": [line[1] for line in lines if len(line) > 1 and line[0] == "nameserver"],
        "unresolved": [name for name in wanted if not found.get(name)],
    }


def packages() -> dict[str, Any]:
    unreachable: list[str] = []
    reached: list[str] = []
    # Through a proxy the servers are not reached directly, and need not be.
    proxy = "::proxy " in _output("apt-config", "dump").lower()

    def reach(server: tuple[str, int]) -> None:
        try:
            socket.create_connection(server, timeout=PATIENCE_S - 1).close()
            reached.append(server[0])
        except (OSError, UnicodeError) as error:
            unreachable.append("%s (%s)" % (server[0], error))

    servers = package_servers()
    if not proxy:
        _in_parallel(reach, servers)
        tried = reached + [text.split(" ", 1)[0] for text in unreachable]
        unreachable += ["%s (no answer)" % host for host, _ in servers if host not in tried]
    missing = [name for name, path in _PACKAGES.items() if not os.access(path, os.X_OK)]
    return {
        "apt": programs.path_of("apt-get") is not None,
        "servers": [host for host, _ in servers],
        "unreachable": sorted(unreachable),
        "proxy": proxy,
        "missing": missing,
        "offered": [name for name in missing if _is_offered(name)],
    }


def package_servers() -> list[tuple[str, int]]:
    """The servers of apt's sources, each once, as (host, port)."""
    found: set[str] = set()
    # apt reads no other names there; both formats name servers by their URLs.
    listed = glob.glob("/etc/apt/sources.list.d/*.list")
    listed += glob.glob("/etc/apt/sources.list.d/*.sources")
    for path in ["/etc/apt/sources.list", *listed]:
        for line in files.read(path).splitlines():
            if not line.lstrip().startswith("#"):
                found.update(w for w in line.split() if w.startswith(("http://", "https://")))
    servers = set()
    for url in found:
        scheme, _, rest = url.partition("://")
        host, _, port = rest.split("/", 1)[0].rpartition("@")[2].partition(":")
        servers.add((host, int(port) if port.isdigit() else 443 if scheme == "https" else 80))
    return sorted(servers)


def proxies() -> dict[str, dict[str, str]]:
    """The variables about proxies: those of a login, and those that systemd gives its units."""
    every_login = files.read("/etc/environment").replace("export ", "")
    login = dict(files.fields(every_login), **os.environ)
    units = files.fields(_output("systemctl", "show-environment"))
    return {"login": _about_proxies(login), "systemd": _about_proxies(units)}


def _about_proxies(environment: dict[str, str]) -> dict[str, str]:
    """Without users and passwords, also where there is no scheme."""
    secret = re.compile(r"^([a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)
    wanted = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    return {
        name: secret.sub(r"\1", value.strip("'$"))
        for name, value in sorted(environment.items())
        if name.lower() in wanted and value
    }


def _resolve(name: str, found: dict[str, list[str]]) -> None:
    try:
        answers = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
        found[name] = sorted({str(answer[4][0]) for answer in answers})
    except (OSError, UnicodeError):
        found[name] = []


def _is_offered(package: str) -> bool:
    policy = files.fields(_output("apt-cache", "policy", package), ":")
    return policy.get("Candidate", "") not in ("", "(none)")


def _output(*command: str) -> str:
    return programs.output(*command, within_s=PATIENCE_S)


def _in_parallel(function: Callable[[Any], None], items: Sequence[Any]) -> None:
    """Call ``function`` with each item; what takes too long is left behind."""
    threads = [threading.Thread(target=function, args=(item,), daemon=True) for item in items]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE_S
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))
