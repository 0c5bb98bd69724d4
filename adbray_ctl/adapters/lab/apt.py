"""How this machine reaches Debian's archives and which authorities it trusts, for its hosts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from adbray_ctl.adapters.lab.shell import run

# What of the machine's apt settings is about reaching a mirror; the rest is its own business.
_SETTINGS = re.compile(
    r"Acquire::((https?|ftp)::(Proxy|Timeout)|Retries|ForceIPv4|ForceIPv6|Check-Date|"
    r"Check-Valid-Until)"
)
_DEFAULT = ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def debian_sources(suite: str) -> tuple[str, ...]:
    """The machine's own Debian mirrors as apt lines for ``suite``; deb.debian.org's if it has none.

    Only Debian's archives: another vendor's key is not in the hosts' keyring.
    """
    folder = Path("/etc/apt/sources.list.d")
    lines = []
    uris = _uris([Path("/etc/apt/sources.list"), *sorted(folder.glob("*"))])
    if not any(uri.endswith("/debian") for uri in uris):
        uris = list(_DEFAULT)
    for uri in uris:
        if uri.endswith("/debian-security"):
            lines.append(f"deb {uri} {suite}-security main")
        elif uri.endswith("/debian"):
            lines += [f"deb {uri} {suite} main", f"deb {uri} {suite}-updates main"]
    return tuple(lines)


def apt_settings() -> tuple[str, ...]:
    """The machine's apt settings that hosts behind the same proxy or mirror need."""
    if shutil.which("apt-config") is None:
        return ()
    dump = run("apt-config", "dump", "--format", '%f "%v";%n', "Acquire")
    lines = [line.strip() for line in dump.splitlines()]
    return tuple(line for line in lines if _SETTINGS.fullmatch(line.partition(" ")[0]))


def extra_authorities() -> tuple[str, ...]:
    """Certificates this machine's tools are told to trust by environment, beyond Debian's own.

    A host behind the same TLS-inspecting proxy must trust them too.
    """
    for variable in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"):
        path = Path(os.environ.get(variable, ""))
        if path.is_file():
            return _beyond_debian(_PEM.findall(path.read_text(errors="replace")))
    return ()


def _uris(files: Iterable[Path]) -> list[str]:
    found: dict[str, None] = {}
    for path in files:
        if path.suffix in {".list", ".sources"} and path.is_file():
            text = path.read_text(errors="replace")
            for uri in _deb822(text) if path.suffix == ".sources" else _one_line(text):
                found[uri.rstrip("/")] = None
    return list(found)


def _one_line(text: str) -> list[str]:
    return re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)", text, flags=re.MULTILINE)


def _deb822(text: str) -> list[str]:
    uris = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.+)$", stanza, flags=re.MULTILINE))
        if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes") != "no":
            uris += fields.get("URIs", "").split()
    return uris


def _beyond_debian(bundle: Iterable[str]) -> tuple[str, ...]:
    known: set[str] = set()
    for path in Path("/usr/share/ca-certificates/mozilla").glob("*.crt"):
        known.update(_PEM.findall(path.read_text(errors="replace")))
    return tuple(text for text in bundle if text not in known)
