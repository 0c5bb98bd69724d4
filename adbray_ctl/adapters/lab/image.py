"""The base image every lab host's root is laid over: a minimal Debian, made once and cached."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adbray_ctl.adapters.lab.shell import run
from adbray_ctl.core.errors import LabError

SUITE = "bookworm"
PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,python3,sudo,iproute2,iputils-ping,"
    "ca-certificates,e2fsprogs,procps,curl,python3-apt"
)
_FORMAT = 2
_NEEDED_GIB = 2
# Where the control machine's extra certificate authorities go in a Debian host.
_CA_TARGET = "usr/local/share/ca-certificates/control-machine.crt"


def base_image(cache: Path, report: Callable[[str], None]) -> Path:
    """The image's directory; made now if it is not in ``cache`` yet (about 40 s)."""
    bundle = _extra_authorities()
    sources = _debian_sources()
    key = f"{_FORMAT} {SUITE} {PACKAGES} {sources} {hashlib.sha256(bundle).hexdigest()}"
    target = cache / "lab" / f"base-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lab" / "lock"):
        if not target.is_dir():
            report(f"making the base image (Debian {SUITE}, once, about 40 s)")
            _build(target, sources, bundle)
    return target


def purge(cache: Path) -> None:
    """Remove every cached image."""
    shutil.rmtree(cache / "lab", ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` against other labs of this machine; waits for its turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(target: Path, sources: str, bundle: bytes) -> None:
    free = shutil.disk_usage(target.parent).free / 2**30
    if free < _NEEDED_GIB:
        raise LabError(
            f"{free:.1f} GiB are free, the base image needs {_NEEDED_GIB}",
            where=str(target.parent),
            hint="free some space, or set XDG_CACHE_HOME to a larger disk",
        )
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        include = f"--include={PACKAGES}"
        # A list on standard input would be read; the mirror lines are arguments instead.
        lines = sources.splitlines()
        run("mmdebstrap", "--variant=minbase", include, SUITE, str(temporary), *lines,
            timeout_s=900)  # fmt: skip
        if bundle:
            (temporary / _CA_TARGET).write_bytes(bundle)
            run("chroot", str(temporary), "update-ca-certificates", timeout_s=120)
        for key in (temporary / "etc/ssh").glob("ssh_host_*"):
            key.unlink()  # each host gets its own
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _debian_sources() -> str:
    """The machine's own Debian mirrors, one-line style, so that hosts use what works here."""
    texts = [Path("/etc/apt/sources.list")]
    texts += sorted(Path("/etc/apt/sources.list.d").glob("*"))
    lines = []
    for path in texts:
        text = path.read_text(errors="replace") if path.is_file() else ""
        if path.suffix == ".sources":
            lines += _from_deb822(text)
        else:
            lines += [line.strip() for line in text.splitlines() if line.startswith("deb ")]
    ours = [line for line in lines if re.search(rf"\s{SUITE}(-updates|-security)?\s", line)]
    # Only Debian's own archives: another vendor's key is not in the hosts' keyring.
    debian = [line for line in ours if re.search(r"//[^ ]*/debian(-security)?/?\s", line)]
    return "\n".join(debian)


def _from_deb822(text: str) -> list[str]:
    lines = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.+)$", stanza, flags=re.MULTILINE))
        if fields.get("Types", "").split()[:1] != ["deb"]:
            continue
        for uri in fields.get("URIs", "").split():
            for suite in fields.get("Suites", "").split():
                lines.append(f"deb {uri} {suite} {fields.get('Components', 'main')}")
    return lines


def _extra_authorities() -> bytes:
    """Authorities this machine's tools are told to trust by environment, beyond Debian's own.

    A host behind the same TLS-inspecting proxy must trust them too.
    """
    for variable in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"):
        path = Path(os.environ.get(variable, ""))
        if path.is_file():
            return _beyond_debian(path.read_text(errors="replace"))
    return b""


def _beyond_debian(bundle: str) -> bytes:
    known: set[str] = set()
    for path in Path("/usr/share/ca-certificates/mozilla").glob("*.crt"):
        known.update(_certificates(path.read_text(errors="replace")))
    extra = [text for text in _certificates(bundle) if text not in known]
    return "".join(f"{text}\n" for text in extra).encode()


def _certificates(text: str) -> list[str]:
    pattern = r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----"
    return re.findall(pattern, text, flags=re.DOTALL)
