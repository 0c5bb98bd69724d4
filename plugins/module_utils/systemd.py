"""systemd of a host: what it shows of units, and what is done to them."""

from __future__ import annotations

import os
import subprocess

from ansible_collections.adbray.ray.plugins.module_utils.adbray_host import systemd

UNIT_DIR = "/etc/systemd/system"
SHOWN = (
    # Empty for a unit without a file, also for a slice that systemd made up.
    "FragmentPath",
    "ActiveState",
    "UnitFileState",
    "NeedDaemonReload",
    # Another one with each start.
    "InvocationID",
)
RUNNING = ("active", "activating", "reloading")


class UnitError(Exception):
    """systemd refused, or a unit did not come up."""


class Systemd:
    """systemctl, with what was, or in check mode would be, done."""

    def __init__(self, check_mode: bool, folder: str = UNIT_DIR) -> None:
        self.check_mode = check_mode
        self.folder = folder
        self.done: list[str] = []
        # Whether files of units have changed since systemd last read them.
        self.unread = False

    def path(self, unit: str) -> str:
        return os.path.join(self.folder, unit)

    def act(self, verb: str, *units: str) -> None:
        """Run ``systemctl verb units`` and count it as a change; nothing for no units.

        To enable and to disable leave ``unread`` behind: systemctl would reload for each of them.
        """
        if not units and verb != "daemon-reload":
            return
        self.done.append(" ".join((verb, *units)))
        links = verb in ("enable", "disable")
        self.unread = links or (self.unread and verb != "daemon-reload")
        if self.check_mode:
            return
        result = run("systemctl", verb, *(["--no-reload"] if links else []), *units)
        if result.returncode != 0:
            journal = journals(units)
            raise UnitError(f"systemctl {verb} failed: {result.stderr.strip()}{journal}")

    def show(self, units: list[str]) -> dict[str, dict[str, str]]:
        """The SHOWN properties by unit name."""
        try:
            found = systemd.show(units, SHOWN)
        except systemd.SystemdError as error:
            raise UnitError(f"systemctl show: {error}") from error
        return {unit: found.get(unit, {}) for unit in units}

    def switch_off(self, units: list[str]) -> None:
        """Stop and disable units of others."""
        states = self.show(units)
        self.act("stop", *(u for u in units if states[u].get("ActiveState") in RUNNING))
        self.act("disable", *(u for u in units if states[u].get("UnitFileState") == "enabled"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def journals(units: tuple[str, ...]) -> str:
    """The last lines each unit wrote, for an error message."""
    parts = []
    for unit in units:
        output = run("journalctl", "--no-pager", "-q", "-o", "cat", "-n", "12", "-u", unit).stdout
        if output.strip():
            parts.append(f"\njournal of {unit}:\n{output.strip()}")
    return "".join(parts)
