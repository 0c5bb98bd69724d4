"""Revisions: another Ray version for a group, and the way back to what it was before."""

from __future__ import annotations

import json

from adbray_ctl.core.errors import RefusedError, UsageError
from adbray_ctl.core.history import RunDetail, RunOutcome
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.core.preflight.advisories import advisories_for
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.specs import ProjectFiles
from adbray_ctl.core.protocols.state import History
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.versions import release
from adbray_ctl.services.change import Change, change
from adbray_ctl.services.edits import edited, without_lines
from adbray_ctl.services.tools import Tools

# Looked through for a revision to go back to.
_RUNS = 200


def upgrade(
    tools: Tools,
    project: ProjectFiles,
    wanted: Change,
    version: str,
    consent: Consent,
    console: Console,
) -> None:
    """Set Ray's ``version`` in the group's file, and apply it.

    Raises UsageError for a version that cannot be, and what ``upgrade_notes`` and ``change`` do.
    """
    group = wanted.group
    with tools.lock.hold(wanted.purpose):
        spec = project.group(group, project.fleet())
        with without_lines(f"--ray {version} cannot be set", "pass another version with --ray"):
            before = project.edit_group(group, {("ray", "version"): version})
        with edited(project, group, before, console) as watch:
            for note in upgrade_notes(spec, version):
                console.note(f"note: {note}")
            change(tools, wanted, consent, console, watch=watch)


def rollback(
    tools: Tools,
    project: ProjectFiles,
    group: str,
    number: int | None,
    consent: Consent,
    console: Console,
) -> None:
    """Give the group's file the text of an earlier run, ``number`` if it is given, and apply it.

    Raises what ``previous``, ``change`` and, without force, ``require_applied`` do.
    """
    wanted = Change(group=group, command="rollback")
    with tools.lock.hold(wanted.purpose):
        target = previous(tools.history, group, number)
        if not consent.force:
            require_applied(tools, group, target)
        console.note(f"back to the spec of run {target.number}")
        before = project.replace_group(group, target.spec)
        with edited(project, group, before, console) as watch:
            change(tools, wanted, consent, console, watch=watch)


def upgrade_notes(spec: RayClusterSpec, version: str) -> tuple[str, ...]:
    """What to know before ``spec`` goes to Ray ``version``.

    Raises RefusedError for an older version than it has.
    """
    if release(version) < release(spec.ray.version):
        raise RefusedError(
            f"Ray {version} is older than the group's {spec.ray.version}",
            where=f"group {spec.name}",
            hint=f"adbray rollback {spec.name}, or set ray.version and apply",
        )
    notes = [f"clients of the group need Ray {version} and Python {spec.ray.python} as well"]
    for found in advisories_for(version):
        notes.append(f"Ray {version} has {found.id} ({found.what}), fixed in {found.fixed}")
    return tuple(notes)


def previous(history: History, group: str, number: int | None = None) -> RunDetail:
    """The run whose spec to go back to: run ``number``, or the last that succeeded with another.

    "Another" is told by what a spec asked for, not by its text: a comment is no revision.
    Raises UsageError when there is none.
    """
    if number is not None:
        wanted = history.run(number)
        if wanted.group != group:
            raise UsageError(f"run {number} was of group {wanted.group}, not of {group}")
        return wanted
    newest: RunDetail | None = None
    for listed in history.runs(group, _RUNS):
        run = history.run(listed.number)
        if newest is None:
            newest = run
        elif run.outcome is RunOutcome.SUCCEEDED and _asked(run) != _asked(newest):
            return run
    raise UsageError(
        f"the history knows no earlier revision of group {group}",
        hint="`adbray history` lists what was done from this directory",
    )


def require_applied(tools: Tools, group: str, target: RunDetail) -> None:
    """Raise RefusedError if the group's file has edits that no run and not ``target`` has."""
    text = tools.specs.text(group)
    newest = tools.history.run(tools.history.runs(group, 1)[0].number)
    if text not in (newest.spec, target.spec):
        raise RefusedError(
            f"groups/{group}.yml has edits that were never applied and would be lost",
            where=f"group {group}",
            hint="keep a copy of the file, then add --force",
        )


def _asked(run: RunDetail) -> str:
    return str(json.loads(run.plan).get("inputs", ""))
