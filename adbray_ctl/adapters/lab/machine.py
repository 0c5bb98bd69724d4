"""What all labs of one machine share: kernel settings and loop devices, put back by the last."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from adbray_ctl.adapters.lab import loops
from adbray_ctl.adapters.lab.shell import read_text, succeeds
from adbray_ctl.core.errors import LabError

# A host takes about 7 inotify instances; the kernel's default of 128 ends at 17 hosts.
_SETTINGS = {
    Path("/proc/sys/net/ipv4/ip_forward"): "1",
    Path("/proc/sys/fs/inotify/max_user_instances"): "2048",
}
_SHARED = Path("/run/adbray-lab")
_MEMORY = _SHARED / "machine.json"
_NSPAWN = Path("/run/systemd/nspawn")
# Made by ip and nspawn when they are first used, and never removed by them; outermost first.
_FOLDERS = (
    Path("/run/netns"),
    Path("/run/systemd"),
    _NSPAWN,
    _NSPAWN / "locks",
    _NSPAWN / "propagate",
    _NSPAWN / "unix-export",
)
_TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def require_machine(tools: Mapping[str, str]) -> None:
    """Raise LabError, saying what to do, when this machine cannot carry a lab.

    ``tools`` are the programs, with their Debian packages, that its hosts need.
    """
    if platform.system() != "Linux":
        raise LabError("the lab needs Linux", hint="use real hosts: adbray init ADDRESS...")
    if os.geteuid() != 0:
        raise LabError("the lab needs root", hint="run it as root, for example with sudo")
    needed = {**_TOOLS, **tools}
    missing = {package for tool, package in needed.items() if shutil.which(tool) is None}
    if not _KEYRING.exists():
        missing.add("debian-archive-keyring")
    if missing:
        names = sorted(missing)
        raise LabError(
            f"not installed: {', '.join(names)}", hint=f"apt-get install {' '.join(names)}"
        )
    if not succeeds("unshare", "--mount", "--pid", "--net", "--fork", "true"):
        raise LabError(
            "this machine lets nobody make namespaces",
            hint="run it on a machine or VM of your own, not in an unprivileged container",
        )
    if not (cgroup_root() / "cgroup.procs").exists():
        raise LabError(
            "cgroup v2 is not mounted",
            where=str(cgroup_root()),
            hint="mkdir -p /sys/fs/cgroup/unified && "
            "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
        )


def cgroup_root() -> Path:
    """Where cgroup v2 is mounted: the whole tree, or `unified` on hybrid machines."""
    hybrid = Path("/sys/fs/cgroup/unified")
    return hybrid if hybrid.is_dir() else Path("/sys/fs/cgroup")


@contextmanager
def locked() -> Iterator[None]:
    """Hold what labs share against all other labs of this machine; waits for its turn.

    /run itself is locked: a lock file could not be removed without a race.
    """
    folder = os.open(_SHARED.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def claim(lab: str, directory: Path) -> None:
    """Prepare the machine for ``lab``; the first lab remembers how everything was.

    The caller holds ``locked``.
    """
    _SHARED.mkdir(exist_ok=True)
    if not _MEMORY.exists():
        before = {
            "settings": {str(path): path.read_text().strip() for path in _SETTINGS},
            "loops": loops.existing(),
            "folders": [str(folder) for folder in _FOLDERS if not folder.exists()],
        }
        temporary = _MEMORY.with_suffix(".tmp")
        temporary.write_text(json.dumps(before))
        temporary.replace(_MEMORY)
    (_SHARED / f"{lab}.lab").write_text(f"{directory}\n")
    for path, value in _SETTINGS.items():
        if int(path.read_text()) < int(value):
            path.write_text(value)
    loops.add()


def labs() -> list[Path]:
    """The directories of all labs that stand."""
    return sorted(Path(read_text(file).strip()) for file in _SHARED.glob("*.lab"))


def release(lab: str) -> None:
    """``lab`` is gone; the last lab to go puts everything back as it was.

    The caller holds ``locked``.
    """
    _remove_traces(lab)
    (_SHARED / f"{lab}.lab").unlink(missing_ok=True)
    if any(_SHARED.glob("*.lab")) or not _MEMORY.exists():
        return
    before = json.loads(_MEMORY.read_text())
    for name, value in before["settings"].items():
        path = Path(name)
        # A value that is not the labs' was set by somebody else since, and stays.
        if read_text(path).strip() == _SETTINGS.get(path):
            path.write_text(value)
    loops.remove(keep=before["loops"])
    for name in reversed(before.get("folders", [])):
        _remove_empty(Path(name))
    shutil.rmtree(_SHARED)


def forget_lock(root: Path) -> None:
    """Remove the lock nspawn keeps for the directory ``root``; the host on it has ended."""
    if root.exists():
        found = root.stat()
        (_NSPAWN / "locks" / f"inode-{found.st_dev}:{found.st_ino}").unlink(missing_ok=True)


def _remove_traces(lab: str) -> None:
    """What an nspawn that was killed could not remove."""
    for folder in _NSPAWN.glob(f"*/adbray-{lab}-*"):
        succeeds("umount", "-l", str(folder))
        shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    if not folder.is_dir() or any(folder.iterdir()):
        return  # somebody else uses it by now
    if folder == _FOLDERS[0]:
        succeeds("umount", str(folder))  # ip mounts its folder onto itself
    with suppress(OSError):
        folder.rmdir()
