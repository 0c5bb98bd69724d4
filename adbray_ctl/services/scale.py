"""Scale: other bounds for a worker group, in the group's file and on its hosts."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.specs import ProjectFiles
from adbray_ctl.core.text import no_such
from adbray_ctl.services.change import Change, change
from adbray_ctl.services.edits import edited, without_lines
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Bounds:
    """How many workers there are to be; None leaves a bound as it is."""

    least: int | None
    most: int | None

    @property
    def keys(self) -> dict[str, int]:
        """The bounds that are set, by their key in the spec."""
        bounds = {"min_workers": self.least, "max_workers": self.most}
        return {key: value for key, value in bounds.items() if value is not None}

    @property
    def options(self) -> str:
        """The same as options of the command."""
        names = {"min_workers": "--min", "max_workers": "--max"}
        return " and ".join(f"{names[key]} {value}" for key, value in self.keys.items())


def scale(
    tools: Tools,
    project: ProjectFiles,
    group: str,
    worker_group: str,
    bounds: Bounds,
    consent: Consent,
    console: Console,
) -> None:
    """Set ``bounds`` in the file of ``group``, and apply it.

    Raises UsageError for bounds that cannot be, and what ``change`` does.
    """
    if not bounds.keys:
        raise UsageError("nothing to change", hint="pass --min, --max or both")
    with tools.lock.hold(f"scale {group}"):
        place: tuple[str | int, ...] = ("worker_groups", _index(project, group, worker_group))
        values = {(*place, key): value for key, value in bounds.keys.items()}
        with without_lines(
            f"{bounds.options} cannot be set", "pass other numbers with --min and --max"
        ):
            before = project.edit_group(group, values)
        with edited(project, group, before, console) as watch:
            change(tools, Change(group=group, command="scale"), consent, console, watch=watch)


def _index(project: ProjectFiles, group: str, worker_group: str) -> int:
    """Where the group's file has ``worker_group``. Raises UsageError if it has none."""
    spec = project.group(group, project.fleet())
    names = [one.name for one in spec.worker_groups]
    if worker_group not in names:
        raise UsageError(no_such("worker group", worker_group, names, of=f"in group {group}"))
    return names.index(worker_group)
