"""The lab's verbs: up, with a fleet.yml for it, and down."""

from __future__ import annotations

from collections.abc import Callable

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.lab import Lab, LabPlan, fleet_text
from adbray_ctl.core.ports import ProjectFiles

MAX_HOSTS = 60


def up(lab: Lab, files: ProjectFiles, count: int, report: Callable[[str], None]) -> LabPlan:
    """Make ``count`` hosts, and a fleet.yml unless there is one. Raises LabError, RefusedError."""
    if not 1 <= count <= MAX_HOSTS:
        raise UsageError(f"{count} hosts cannot be made", hint=f"choose 1 to {MAX_HOSTS}")
    plan = lab.up(count, report)
    files.write_schemas()
    if files.has_fleet():
        report("fleet.yml is there already and stays as it is")
    else:
        report(f"wrote {files.write_fleet(fleet_text(plan.hosts))}")
    return plan
