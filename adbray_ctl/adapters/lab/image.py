"""What lab hosts start from: minimal Debians, each made once and cached."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from adbray_ctl.adapters.lab import machine
from adbray_ctl.adapters.lab.apt import apt_settings, debian_sources, extra_authorities
from adbray_ctl.adapters.lab.shell import mounts_below, read_text, run, succeeds
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


class Origin(NamedTuple):
    """How this machine reaches Debian's archives, and whom it trusts."""

    sources: tuple[str, ...]
    settings: tuple[str, ...]
    authorities: tuple[str, ...]


class Recipe(NamedTuple):
    """An image: what decides its content, and how it is made into an empty directory."""

    kind: str
    key: tuple[object, ...]
    needed_gib: int
    what: str
    build: Callable[[Path, Origin], None]


def base_image(cache: Path, report: Callable[[str], None]) -> Path:
    """The directory that containers' roots are laid over."""
    recipe = Recipe(
        kind="base",
        key=(_FORMAT, SUITE, PACKAGES),
        needed_gib=_NEEDED_GIB,
        what=f"the base image (Debian {SUITE}, once, about 40 s)",
        build=lambda target, origin: bootstrap(target, PACKAGES, origin),
    )
    return cached(cache, recipe, report)


def cached(cache: Path, recipe: Recipe, report: Callable[[str], None]) -> Path:
    """The image's directory; made now if it is not in ``cache`` yet."""
    origin = Origin(debian_sources(SUITE), apt_settings(), extra_authorities())
    key = json.dumps([*recipe.key, *origin])
    name = f"{recipe.kind}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    target = cache / "lab" / name
    if target.is_dir():
        return target
    with _locked(cache / "lab" / "lock"):
        if not target.is_dir():
            report(f"making {recipe.what}")
            _build(target, recipe, origin)
            _drop_outdated(target, recipe.kind)
    return target


def bootstrap(root: Path, packages: str, origin: Origin, *options: str) -> None:
    """A Debian with ``packages`` at ``root``; ``options`` are mmdebstrap's."""
    # Package lists stay, translations of descriptions do not: both spare every host a download.
    options += ("--skip=cleanup/apt/lists", '--aptopt=Acquire::Languages "none";')
    options += tuple(f"--aptopt={setting}" for setting in origin.settings)
    run("mmdebstrap", "--variant=minbase", f"--include={packages}", *options,
        SUITE, str(root), *origin.sources, timeout_s=1800)  # fmt: skip
    _trust(root, origin.authorities)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()  # each host gets its own


def purge(cache: Path) -> None:
    """Remove every cached image. Raises RefusedError if a lab stands on one."""
    folder = cache / "lab"
    if any(_in_use(image) for image in folder.glob("*-*")):
        raise RefusedError(
            "a lab stands on the cached image",
            where=str(folder),
            hint=f"take every lab down first; they stand in: {_places() or 'see /proc/mounts'}",
        )
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(target: Path, recipe: Recipe, origin: Origin) -> None:
    """Under a name of its own first, so that an image with its right name is whole."""
    for leftover in target.parent.glob(f"{recipe.kind}-*.tmp"):
        _discard(leftover)  # of a build that was ended
    free = shutil.disk_usage(target.parent).free / 2**30
    if free < recipe.needed_gib:
        raise LabError(
            f"{free:.1f} GiB are free, the image needs {recipe.needed_gib}",
            where=str(target.parent),
            hint="free some space, or set XDG_CACHE_HOME to a larger disk",
        )
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        recipe.build(temporary, origin)
        temporary.rename(target)
    finally:
        _discard(temporary)


def _discard(unfinished: Path) -> None:
    """An mmdebstrap that was ended leaves /proc and /sys mounted in what it made."""
    for mount in mounts_below(unfinished):
        succeeds("umount", "-l", str(mount.point))
    shutil.rmtree(unfinished, ignore_errors=True)


def _drop_outdated(current: Path, kind: str) -> None:
    """Images of earlier versions, unless a lab stands on one."""
    for image in set(current.parent.glob(f"{kind}-*")) - {current}:
        if not _in_use(image):
            shutil.rmtree(image)


def _in_use(image: Path) -> bool:
    """Whether a lab stands on it, with hosts that run, or may start again."""
    linked = {
        link.resolve() for lab in machine.labs() for link in (lab / ".adbray/lab").glob("*image")
    }
    mounted = f"lowerdir={image}," in read_text(Path("/proc/self/mounts"))
    return mounted or image.resolve() in linked


def _places() -> str:
    return ", ".join(map(str, machine.labs()))


def _trust(root: Path, authorities: tuple[str, ...]) -> None:
    for number, text in enumerate(authorities):
        (root / _AUTHORITIES / f"control-machine-{number}.crt").write_text(f"{text}\n")
    if authorities:
        run("chroot", str(root), "update-ca-certificates", timeout_s=120)
