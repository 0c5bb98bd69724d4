"""What a lab changes on the machine."""

from __future__ import annotations

import re
from pathlib import Path

from adbray_ctl.core.lab import lab_id
from tests.e2e.conftest import Project, run

# Of labs that other users of the machine have: five hex digits behind what the lab prefixes.
_NAMES = re.compile(r"(?:adbray|abr|abv)[-_]([0-9a-f]{5})\b")
_SETTINGS = ("net.ipv4.ip_forward", "fs.inotify.max_user_instances")


def machine_now(project: Project) -> dict[str, set[str]]:
    """All that a lab may change on the machine, without what belongs to other labs."""
    ours = lab_id(str(project.directory))
    seen = {
        "namespaces": _listed("ip", "netns"),
        "links": _listed("ip", "-brief", "link"),
        "addresses": _listed("ip", "-4", "-brief", "address"),
        "routes": _listed("ip", "route", "show", "table", "all"),
        "packet filter": set(run(["nft", "list", "ruleset"], timeout_s=10).out.split("table ")),
        "mounts": _mounts(project),
        "cgroups": {str(path) for path in Path("/sys/fs/cgroup").rglob("*/")},
        "loop nodes": {str(path) for path in Path("/dev").glob("loop*")},
        "loop devices": {str(path) for path in Path("/sys/block").glob("loop*")},
        "settings": _listed("sysctl", *_SETTINGS),
        "processes": _processes(project),
        "run": {str(path) for path in Path("/run").glob("systemd/nspawn/propagate/*")}
        | {str(path) for path in Path("/run").glob("netns/*")}
        | {str(path) for path in Path("/run").glob(f"adbray-lab/{ours}.lab")},
    }
    return {
        kind: {entry for entry in entries if _of(entry) in (None, ours)}
        for kind, entries in seen.items()
    }


def difference(
    before: dict[str, set[str]], after: dict[str, set[str]]
) -> dict[str, dict[str, set[str]]]:
    """What came and what went, by kind."""
    return {
        kind: {"came": after[kind] - before[kind], "went": before[kind] - after[kind]}
        for kind in before
        if before[kind] != after[kind]
    }


def _mounts(project: Project) -> set[str]:
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    ours = str(project.directory)
    return {p for p in points if "/.adbray/lab/hosts/" not in p or p.startswith(ours)}


def _processes(project: Project) -> set[str]:
    """Processes that are in a cgroup of the project's lab, or name its directory.

    Without those that have ended: when they go is the business of the machine's PID 1.
    """
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text()
            text = command + " in " + (entry / "cgroup").read_text()
        except OSError:
            continue
        ours = lab_id(str(project.directory))
        if (command and f"adbray-{ours}-" in text) or f"{project.directory}/" in command:
            found.add(text.replace("\0", " "))
    return found


def _listed(*command: str) -> set[str]:
    return set(run(command, timeout_s=10).out.splitlines())


def _of(entry: str) -> str | None:
    """The id of the lab that ``entry`` belongs to, if any."""
    match = _NAMES.search(entry)
    return match[1] if match else None
