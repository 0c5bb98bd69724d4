"""What all labs of one machine share: kernel settings and loop devices, counted by use."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

from adbray_ctl.adapters.lab.shell import read_text, run, succeeds
from adbray_ctl.core.errors import LabError

LOOP_COUNT = 64
"""Loop devices handed to every host: `mount -o loop` inside takes the first that is free on the
whole machine, so each host must have a node for whichever that is."""

_LOOP_CTL_ADD, _LOOP_CTL_REMOVE = 0x4C80, 0x4C81
_LOOP_CONTROL = Path("/dev/loop-control")
# A host takes about 7 inotify instances; the kernel's default of 128 ends at 17 hosts.
_SETTINGS = {
    Path("/proc/sys/net/ipv4/ip_forward"): "1",
    Path("/proc/sys/fs/inotify/max_user_instances"): "2048",
}
_SHARED = Path("/run/adbray-lab")
_TOOLS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
    "losetup": "mount",
}


def require_machine() -> None:
    """Raise LabError, saying what to do, when this machine cannot carry a lab."""
    if platform.system() != "Linux":
        raise LabError("the lab needs Linux", hint="use real hosts: adbray init ADDRESS...")
    if os.geteuid() != 0:
        raise LabError("the lab needs root", hint="run it as root, for example with sudo")
    missing = sorted({pkg for tool, pkg in _TOOLS.items() if shutil.which(tool) is None})
    if missing:
        raise LabError(
            f"not installed: {', '.join(missing)}", hint=f"apt-get install {' '.join(missing)}"
        )
    if not succeeds("unshare", "--mount", "--pid", "--net", "--fork", "true"):
        raise LabError(
            "this machine lets nobody make namespaces",
            hint="run it on a machine or VM of your own, not in an unprivileged container",
        )
    if not _LOOP_CONTROL.exists():
        raise LabError("there is no /dev/loop-control", hint="modprobe loop")


def cgroup_root() -> Path:
    """Where cgroup v2 is mounted: the whole tree, or `unified` on hybrid machines."""
    hybrid = Path("/sys/fs/cgroup/unified")
    return hybrid if hybrid.is_dir() else Path("/sys/fs/cgroup")


def claim(lab: str) -> None:
    """Prepare the machine for ``lab``; the first lab remembers how everything was."""
    _SHARED.mkdir(exist_ok=True)
    memory = _SHARED / "machine.json"
    if not memory.exists():
        before = {str(path): path.read_text().strip() for path in _SETTINGS}
        loops = [number for number in range(LOOP_COUNT) if _loop(number).exists()]
        memory.write_text(json.dumps({"settings": before, "loops": loops}))
    (_SHARED / f"{lab}.lab").touch()
    for path, value in _SETTINGS.items():
        if int(path.read_text()) < int(value):
            path.write_text(value)
    _add_loops()


def release(lab: str) -> None:
    """``lab`` is gone; the last lab to go puts everything back as it was."""
    (_SHARED / f"{lab}.lab").unlink(missing_ok=True)
    memory = _SHARED / "machine.json"
    if any(_SHARED.glob("*.lab")) or not memory.exists():
        return
    before = json.loads(memory.read_text())
    for path, value in before["settings"].items():
        Path(path).write_text(value)
    _remove_loops(keep=set(before["loops"]))
    shutil.rmtree(_SHARED)


def detach_loops(below: Path) -> None:
    """Free loop devices whose image lies below ``below``; a killed host leaves them attached."""
    for number in range(LOOP_COUNT):
        backing = read_text(Path(f"/sys/block/loop{number}/loop/backing_file")).strip()
        if backing and below in Path(backing).parents:
            run("losetup", "-d", str(_loop(number)))


def loop_binds() -> list[str]:
    """nspawn's arguments that hand the loop devices to a host."""
    devices = [_LOOP_CONTROL, *(_loop(number) for number in range(LOOP_COUNT))]
    return [f"--bind={device}" for device in devices]


def _loop(number: int) -> Path:
    return Path(f"/dev/loop{number}")


def _add_loops() -> None:
    with _LOOP_CONTROL.open("rb") as control:
        for number in range(LOOP_COUNT):
            if not Path(f"/sys/block/loop{number}").exists():
                fcntl.ioctl(control, _LOOP_CTL_ADD, number)
            if not _loop(number).exists():  # no devtmpfs here: the kernel made no node
                subprocess.run(["mknod", str(_loop(number)), "b", "7", str(number)], check=True)


def _remove_loops(keep: set[int]) -> None:
    with _LOOP_CONTROL.open("rb") as control:
        for number in set(range(LOOP_COUNT)) - keep:
            try:
                fcntl.ioctl(control, _LOOP_CTL_REMOVE, number)
            except OSError:
                continue  # in use by somebody else by now, so it is theirs
            _loop(number).unlink(missing_ok=True)
