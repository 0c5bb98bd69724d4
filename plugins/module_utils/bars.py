"""Units of packages: barred while their package comes, so that no run leaves one that starts."""

from __future__ import annotations

import contextlib
import glob
import os

from ansible_collections.adbray.ray.plugins.module_utils.packages import await_begun
from ansible_collections.adbray.ray.plugins.module_utils.systemd import RUNNING, Systemd

# Of a barred unit: a drop-in whose condition never holds.
BAR = "adbray.conf"
BAR_TEXT = """\
# Written by adbray, which brings this package to run a separate instance.
[Unit]
ConditionPathExists=!/
"""


def bar(systemd: Systemd, units: list[str]) -> None:
    """Keep ``units`` from starting; systemd hears of it with the package, or as it boots."""
    states = systemd.show(units)
    for unit in units:
        path = os.path.join(systemd.path(f"{unit}.d"), BAR)
        if states[unit].get("ActiveState") in RUNNING or os.path.exists(path):
            continue
        systemd.done.append(f"bar {unit}")
        if systemd.check_mode:
            continue
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(BAR_TEXT)
            file.flush()
            os.fsync(file.fileno())


def settle(systemd: Systemd, patterns: list[str]) -> None:
    """Disable what is barred, and bar it no longer; leaves ``systemd.unread`` behind."""
    bars = [os.path.join(systemd.path(f"{pattern}.d"), BAR) for pattern in patterns]
    found = sorted(path for pattern in bars for path in glob.glob(pattern))
    if not found:
        return
    # It may be about to set one up.
    await_begun(systemd)
    systemd.switch_off([os.path.basename(os.path.dirname(path))[:-2] for path in found])
    if not systemd.check_mode:
        for path in found:
            os.unlink(path)
            with contextlib.suppress(OSError):
                # Not if somebody has others there.
                os.rmdir(os.path.dirname(path))
    systemd.unread = True
