"""The lab's verbs: up, with a fleet.yml for it, and down."""

from __future__ import annotations

from collections.abc import Callable

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.lab import Lab, LabOrder, LabPlan
from adbray_ctl.core.protocols.specs import ProjectFiles

MAX_HOSTS = 60
MAX_VMS = 8


def up(lab: Lab, files: ProjectFiles, order: LabOrder, report: Callable[[str], None]) -> LabPlan:
    """Make hosts, and a fleet.yml unless there is one. Raises LabError, RefusedError."""
    # A lab of VMs alone is one; a lab of nothing is a slip.
    if not (0 if order.vms else 1) <= order.hosts <= MAX_HOSTS:
        raise UsageError(f"{order.hosts} hosts cannot be made", hint=f"choose 1 to {MAX_HOSTS}")
    if not 0 <= order.vms <= MAX_VMS:
        raise UsageError(f"{order.vms} VMs cannot be made", hint=f"choose 0 to {MAX_VMS}")
    plan = lab.up(order, report)
    files.write_schemas()
    if files.has_fleet():
        report("fleet.yml is there already and stays as it is")
    else:
        text = files.rendered("lab_fleet.yml.j2", hosts=plan.hosts)
        report(f"wrote {files.write_fleet(text)}")
    return plan
