#!/usr/bin/python
"""Ansible module: a set of systemd units as they should be, in one round trip."""

from __future__ import annotations

import contextlib
import glob
import os
import socket
import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: managed_units
short_description: Reload, enable, start, restart and remove systemd units
description:
  - Restarts a unit when one of its I(files) is younger than its main process, so a change whose
    restart was missed, because a run broke off, is made good by the next run.
  - A unit in state C(running) is started and not enabled; one in state C(prepared) is neither
    enabled nor started, and a running one is not stopped. One that failed is forgiven.
options:
  units:
    description: Units whose files are in place.
    type: list
    elements: dict
  slices:
    description:
      - Slices whose files are in place. systemd takes their bounds over while what is in them runs;
        a restart would end it all.
    type: list
    elements: str
  changed_paths:
    description: Files just changed; in check mode the only way to know.
    type: list
    elements: str
  stopped:
    description: Units of others to stop and disable, where they exist.
    type: list
    elements: str
  barred:
    description:
      - Units of packages about to be installed. None of them starts, at a boot either, until a
        later call names it in I(settled), so that a run that breaks off in between leaves nothing
        that runs.
      - A unit that runs already is somebody's, and left alone.
    type: list
    elements: str
  settled:
    description:
      - Glob patterns of unit names. Those that are barred are disabled and barred no longer; no
        other is touched.
    type: list
    elements: str
  absent:
    description: Glob patterns of unit names to stop, disable and delete unless listed in I(units).
    type: list
    elements: str
author: [adbray maintainers]
"""

RETURN = r"""
restarted:
  description: Units that were started or restarted.
  type: list
  returned: always
"""

UNIT_DIR = "/etc/systemd/system"
# Of a barred unit: a drop-in whose condition never holds.
BAR = "adbray.conf"
BAR_TEXT = """\
# Written by adbray, which brings this package for an instance of its own.
[Unit]
ConditionPathExists=!/
"""
ARGUMENTS = {
    "units": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["started", "running", "prepared"],
                "default": "started",
            },
            "files": {"type": "list", "elements": "path", "default": []},
            "answers_at": {"type": "str", "default": ""},
            "within_s": {"type": "int", "default": 60},
        },
    },
    "slices": {"type": "list", "elements": "str", "default": []},
    "changed_paths": {"type": "list", "elements": "str", "default": []},
    "stopped": {"type": "list", "elements": "str", "default": []},
    "barred": {"type": "list", "elements": "str", "default": []},
    "settled": {"type": "list", "elements": "str", "default": []},
    "absent": {"type": "list", "elements": "str", "default": []},
}
SHOWN = (
    "Id",
    # Empty for a unit without a file, also for a slice that systemd made up.
    "FragmentPath",
    "ActiveState",
    "UnitFileState",
    "NeedDaemonReload",
    "ExecMainStartTimestampMonotonic",
)
RUNNING = ("active", "activating", "reloading")


class UnitError(Exception):
    """systemd refused, or a unit did not come up."""


class Systemd:
    """systemctl, with what was, or in check mode would be, done."""

    def __init__(self, check_mode: bool) -> None:
        self.check_mode = check_mode
        self.done: list[str] = []

    def act(self, verb: str, *units: str) -> None:
        """Run ``systemctl verb units`` and count it as a change; nothing for no units."""
        if not units and verb != "daemon-reload":
            return
        self.done.append(" ".join((verb, *units)))
        if self.check_mode:
            return
        result = run("systemctl", verb, *units)
        if result.returncode != 0:
            journal = journals(units)
            raise UnitError(f"systemctl {verb} failed: {result.stderr.strip()}{journal}")

    def show(self, units: list[str]) -> dict[str, dict[str, str]]:
        """The SHOWN properties by unit name."""
        if not units:
            return {}
        output = run("systemctl", "show", f"--property={','.join(SHOWN)}", "--", *units).stdout
        found = {}
        for block in output.strip().split("\n\n"):
            fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            found[fields.get("Id", "")] = fields
        return {unit: found.get(unit, {}) for unit in units}


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


def remove(systemd: Systemd, patterns: list[str], kept: set[str]) -> None:
    """Stop, disable and delete units matching ``patterns``."""
    found: list[str] = []
    for pattern in patterns:
        found += (os.path.basename(path) for path in glob.glob(os.path.join(UNIT_DIR, pattern)))
    gone = sorted(set(found) - kept)
    if not gone:
        return
    # Of a template only what was made of it runs.
    running = [unit.replace("@.", "@*.") for unit in gone]
    systemd.act("stop", *running)
    systemd.act("disable", *gone)
    if not systemd.check_mode:
        for unit in gone:
            os.unlink(os.path.join(UNIT_DIR, unit))
    systemd.act("daemon-reload")
    if not systemd.check_mode:
        # A unit killed while stopping stays listed as failed otherwise.
        run("systemctl", "reset-failed", "--", *running)


def switch_off(systemd: Systemd, units: list[str]) -> None:
    """Stop and disable units of others."""
    states = systemd.show(units)
    systemd.act("stop", *(u for u in units if states[u].get("ActiveState") in RUNNING))
    systemd.act("disable", *(u for u in units if states[u].get("UnitFileState") == "enabled"))


def bar(systemd: Systemd, units: list[str]) -> None:
    """Keep ``units`` from starting; systemd hears of it with the package, or as it boots."""
    states = systemd.show(units)
    for unit in units:
        path = os.path.join(UNIT_DIR, f"{unit}.d", BAR)
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
    """Disable what is barred, and bar it no longer."""
    bars = [os.path.join(UNIT_DIR, f"{pattern}.d", BAR) for pattern in patterns]
    found = sorted(path for pattern in bars for path in glob.glob(pattern))
    if not found:
        return
    switch_off(systemd, [os.path.basename(os.path.dirname(path))[:-2] for path in found])
    if not systemd.check_mode:
        for path in found:
            os.unlink(path)
            with contextlib.suppress(OSError):
                # Not if somebody has others there.
                os.rmdir(os.path.dirname(path))
    systemd.act("daemon-reload")


def reload_if_needed(systemd: Systemd, units: list[str], changed: set[str]) -> None:
    states = systemd.show(units)
    stale = [
        name
        for name, state in states.items()
        if state.get("NeedDaemonReload") == "yes"
        or not state.get("FragmentPath")
        or os.path.join(UNIT_DIR, name) in changed
    ]
    if stale:
        systemd.act("daemon-reload")


def outdated(unit: dict[str, Any], state: dict[str, str], changed: set[str]) -> bool:
    """Whether the unit's main process started before its files were last written."""
    files = [os.path.join(UNIT_DIR, unit["name"]), *unit["files"]]
    if changed.intersection(files):
        return True
    started = int(state.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
    boot = time.time() - time.monotonic()
    written = [os.stat(path).st_mtime - boot for path in files if os.path.exists(path)]
    return started > 0 and max(written, default=0.0) > started


def ensure(systemd: Systemd, units: list[dict[str, Any]], changed: set[str]) -> list[str]:
    """Enable, start and restart; returns the units that were started or restarted."""
    states = systemd.show([unit["name"] for unit in units])
    enable, disable, start, restart, failed = [], [], [], [], []
    for unit in units:
        name, at_boot, wanted = (
            unit["name"],
            unit["state"] == "started",
            unit["state"] != "prepared",
        )
        state = states[name]
        enabled = state.get("UnitFileState") == "enabled"
        if at_boot and not enabled:
            enable.append(name)
        if not at_boot and enabled:
            disable.append(name)
        if state.get("ActiveState") in RUNNING:
            if outdated(unit, state, changed):
                restart.append(name)
        elif wanted:
            start.append(name)
        elif state.get("ActiveState") == "failed":
            failed.append(name)
    systemd.act("reset-failed", *failed)
    systemd.act("enable", *enable)
    systemd.act("disable", *disable)
    systemd.act("start", *start)
    systemd.act("restart", *restart)
    return start + restart


def await_answers(units: list[dict[str, Any]]) -> None:
    """Wait until every started unit with ``answers_at`` accepts a TCP connection."""
    began = time.monotonic()
    for unit in units:
        if unit["state"] != "started" or not unit["answers_at"]:
            continue
        host, port = unit["answers_at"].rsplit(":", 1)
        while not accepts(host, int(port)):
            if time.monotonic() - began > unit["within_s"]:
                told = journals((unit["name"],))
                raise UnitError(
                    f"{unit['name']} does not answer at {unit['answers_at']} after"
                    f" {unit['within_s']} s{told}"
                )
            time.sleep(0.2)


def accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    units, changed = module.params["units"], set(module.params["changed_paths"])
    systemd = Systemd(module.check_mode)
    restarted: list[str] = []
    try:
        remove(systemd, module.params["absent"], {unit["name"] for unit in units})
        switch_off(systemd, module.params["stopped"])
        bar(systemd, module.params["barred"])
        settle(systemd, module.params["settled"])
        names = [unit["name"] for unit in units]
        reload_if_needed(systemd, names + module.params["slices"], changed)
        restarted = ensure(systemd, units, changed)
        if not module.check_mode:
            await_answers(units)
    except (UnitError, OSError) as error:
        module.fail_json(msg=str(error), changed=bool(systemd.done))
    module.exit_json(changed=bool(systemd.done), restarted=restarted, actions=systemd.done)


if __name__ == "__main__":
    main()
