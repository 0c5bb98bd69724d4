#!/usr/bin/python
"""Ansible module: a set of systemd units as they should be, in one round trip."""

from __future__ import annotations

import glob
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.adbray.ray.plugins.module_utils.answers import await_answers
from ansible_collections.adbray.ray.plugins.module_utils.bars import bar, settle
from ansible_collections.adbray.ray.plugins.module_utils.started import FOLDER, Started
from ansible_collections.adbray.ray.plugins.module_utils.systemd import (
    RUNNING,
    Systemd,
    UnitError,
    run,
)

DOCUMENTATION = r"""
module: managed_units
short_description: Reload, enable, start, restart and remove systemd units
description:
  - Restarts a unit when it was started with another version of its own file or of one of its
    I(files), so a change whose restart was missed, because a run broke off, is made good by the
    next run. What it was started with is kept as digests; a unit without any runs on, but for what
    has changed since adbray keeps them.
  - A unit in state C(running) is started and not enabled; one in state C(prepared) is neither
    enabled nor started, and a running one is not stopped. One that failed is forgiven.
options:
  units:
    description:
      - Units whose files are in place. An action of the same name renders them on the control
        machine, each with its C(loop) and C(when), as those of managed_files.
      - With C(record), the record of a slot, the revision in there decides on a restart in place of
        the text of the unit's own file.
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
  state_dir:
    description: Where digests are kept of what units were started with.
    type: path
author: [adbray maintainers]
"""

RETURN = r"""
restarted:
  description: Units that were started or restarted.
  type: list
  returned: always
"""

# Checked once they are rendered, for ansible-lint reads tasks before.
STATES = ("started", "running", "prepared")
ARGUMENTS = {
    "units": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "default": "started"},
            "record": {"type": "path"},
            "files": {"type": "list", "elements": "path", "default": []},
            "answers_at": {"type": "str", "default": ""},
            "within_s": {"type": "int", "default": 60},
            # What the action makes units from.
            "loop": {"type": "raw"},
            "loop_var": {"type": "str"},
            "when": {"type": "raw"},
        },
    },
    "slices": {"type": "list", "elements": "str", "default": []},
    "changed_paths": {"type": "list", "elements": "str", "default": []},
    "stopped": {"type": "list", "elements": "str", "default": []},
    "barred": {"type": "list", "elements": "str", "default": []},
    "settled": {"type": "list", "elements": "str", "default": []},
    "absent": {"type": "list", "elements": "str", "default": []},
    "state_dir": {"type": "path", "default": FOLDER},
}

Unit = dict[str, Any]


def remove(systemd: Systemd, started: Started, patterns: list[str], kept: set[str]) -> None:
    """Stop, disable and delete units matching ``patterns``."""
    found: list[str] = []
    for pattern in patterns:
        found += (os.path.basename(path) for path in glob.glob(systemd.path(pattern)))
    gone = sorted(set(found) - kept)
    if not gone:
        return
    # Of a template only what was made of it runs.
    running = [unit.replace("@.", "@*.") for unit in gone]
    systemd.act("stop", *running)
    systemd.act("disable", *gone)
    if not systemd.check_mode:
        for unit in gone:
            os.unlink(systemd.path(unit))
            started.forget(unit)
    systemd.act("daemon-reload")
    if not systemd.check_mode:
        # A unit killed while stopping stays listed as failed otherwise.
        run("systemctl", "reset-failed", "--", *running)


def stale(systemd: Systemd, units: list[str], changed: set[str]) -> bool:
    """Whether systemd has to read files again. They were written before this call."""
    if "daemon-reload" in systemd.done:
        return systemd.unread
    return systemd.unread or any(
        state.get("NeedDaemonReload") == "yes"
        or not state.get("FragmentPath")
        or systemd.path(name) in changed
        for name, state in systemd.show(units).items()
    )


def files_of(systemd: Systemd, unit: Unit) -> list[str]:
    """What decides on a restart of ``unit``."""
    return [unit["record"] or systemd.path(unit["name"]), *unit["files"]]


def decide(
    systemd: Systemd, started: Started, units: list[Unit], changed: set[str]
) -> dict[str, list[str]]:
    """What is to be done with which of ``units``, by the verb of systemctl and in its order."""
    todo: dict[str, list[str]] = {
        verb: [] for verb in ("reset-failed", "enable", "disable", "start", "restart")
    }
    states = systemd.show([unit["name"] for unit in units])
    for unit in units:
        name, at_boot = unit["name"], unit["state"] == "started"
        active, files = states[name].get("ActiveState"), files_of(systemd, unit)
        enabled = states[name].get("UnitFileState") == "enabled"
        if at_boot != enabled:
            todo["enable" if at_boot else "disable"].append(name)
        if active in RUNNING:
            # A check run has written nothing that a digest could show.
            foreseen = systemd.check_mode and not changed.isdisjoint(files)
            if foreseen or started.outdated(name, files, changed):
                todo["restart"].append(name)
        elif unit["state"] != "prepared":
            todo["start"].append(name)
        elif active == "failed":
            todo["reset-failed"].append(name)
    return todo


def ensure(
    systemd: Systemd, started: Started, units: list[Unit], slices: list[str], changed: set[str]
) -> list[str]:
    """Enable, start and restart; returns the units that were started or restarted.

    systemd reads files once, after all links are made and before anything starts.
    """
    todo = decide(systemd, started, units, changed)
    before = systemd.show(todo["restart"])
    for verb in ("reset-failed", "enable", "disable"):
        systemd.act(verb, *todo[verb])
    if stale(systemd, [unit["name"] for unit in units] + slices, changed):
        systemd.act("daemon-reload")
    try:
        for verb in ("start", "restart"):
            systemd.act(verb, *todo[verb])
    finally:
        if not systemd.check_mode:
            keep(systemd, started, units, before)
    return todo["start"] + todo["restart"]


def keep(
    systemd: Systemd, started: Started, units: list[Unit], before: dict[str, dict[str, str]]
) -> None:
    """Remember what each of ``units`` runs with, but for those ``before`` that run on."""
    after = systemd.show(list(before))
    for unit in units:
        name = unit["name"]
        if name in before and before[name].get("InvocationID") == after[name].get("InvocationID"):
            continue
        started.keep(name, files_of(systemd, unit))


def converge(systemd: Systemd, started: Started, asked: dict[str, Any]) -> list[str]:
    """All that is asked; returns the units that were started or restarted."""
    units = asked["units"]
    remove(systemd, started, asked["absent"], {unit["name"] for unit in units})
    systemd.switch_off(asked["stopped"])
    bar(systemd, asked["barred"])
    settle(systemd, asked["settled"])
    restarted = ensure(systemd, started, units, asked["slices"], set(asked["changed_paths"]))
    if not systemd.check_mode:
        await_answers(units)
    return restarted


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    systemd, started = Systemd(module.check_mode), Started(module.params["state_dir"])
    restarted: list[str] = []
    for unit in module.params["units"]:
        if unit["state"] not in STATES:
            module.fail_json(msg=f"{unit['name']}: its state is none of {', '.join(STATES)}")
    try:
        restarted = converge(systemd, started, module.params)
    except (UnitError, OSError) as error:
        module.fail_json(msg=str(error), changed=bool(systemd.done))
    module.exit_json(changed=bool(systemd.done), restarted=restarted, actions=systemd.done)


if __name__ == "__main__":
    main()
