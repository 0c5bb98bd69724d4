"""The base image every lab host's root is laid over: a minimal Debian, made once and cached."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adbray_ctl.adapters.lab.apt import apt_settings, debian_sources, extra_authorities
from adbray_ctl.adapters.lab.shell import read_text, run
from adbray_ctl.core.errors import LabError, RefusedError

SUITE = "bookworm"
PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,python3,sudo,iproute2,iputils-ping,"
    # python3-apt: without it Ansible's apt module cannot run in check mode.
    "ca-certificates,e2fsprogs,procps,curl,python3-apt"
)
_FORMAT = 4
_NEEDED_GIB = 2
# Where a Debian host looks for authorities beyond Debian's own.
_AUTHORITIES = "usr/local/share/ca-certificates"


def base_image(cache: Path, report: Callable[[str], None]) -> Path:
    """The image's directory; made now if it is not in ``cache`` yet (about 40 s)."""
    sources, settings, authorities = debian_sources(SUITE), apt_settings(), extra_authorities()
    key = json.dumps([_FORMAT, SUITE, PACKAGES, sources, settings, authorities])
    target = cache / "lab" / f"base-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if target.is_dir():
        return target
    with _locked(cache / "lab" / "lock"):
        if not target.is_dir():
            report(f"making the base image (Debian {SUITE}, once, about 40 s)")
            _build(target, sources, settings, authorities)
            _drop_outdated(target)
    return target


def purge(cache: Path) -> None:
    """Remove every cached image. Raises RefusedError if a lab stands on one."""
    folder = cache / "lab"
    if _in_use(f"{folder}/"):
        raise RefusedError(
            "a lab stands on the cached image",
            where=str(folder),
            hint="take every lab down first; `mount -t overlay` shows where they are",
        )
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(
    target: Path, sources: tuple[str, ...], settings: tuple[str, ...], authorities: tuple[str, ...]
) -> None:
    """Under a name of its own first, so that an image with its right name is whole."""
    for leftover in target.parent.glob("base-*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)  # of a build that was ended
    free = shutil.disk_usage(target.parent).free / 2**30
    if free < _NEEDED_GIB:
        raise LabError(
            f"{free:.1f} GiB are free, the base image needs {_NEEDED_GIB}",
            where=str(target.parent),
            hint="free some space, or set XDG_CACHE_HOME to a larger disk",
        )
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    # Package lists stay, translations of descriptions do not: both spare every host a download.
    options = ["--skip=cleanup/apt/lists", '--aptopt=Acquire::Languages "none";']
    options += [f"--aptopt={setting}" for setting in settings]
    try:
        run("mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", *options,
            SUITE, str(temporary), *sources, timeout_s=900)  # fmt: skip
        _trust(temporary, authorities)
        for key in (temporary / "etc/ssh").glob("ssh_host_*"):
            key.unlink()  # each host gets its own
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _drop_outdated(current: Path) -> None:
    """Images of earlier versions, unless a lab stands on one."""
    for image in set(current.parent.glob("base-*")) - {current}:
        if not _in_use(f"{image},"):
            shutil.rmtree(image)


def _in_use(start: str) -> bool:
    return f"lowerdir={start}" in read_text(Path("/proc/self/mounts"))


def _trust(root: Path, authorities: tuple[str, ...]) -> None:
    for number, text in enumerate(authorities):
        (root / _AUTHORITIES / f"control-machine-{number}.crt").write_text(f"{text}\n")
    if authorities:
        run("chroot", str(root), "update-ca-certificates", timeout_s=120)
