"""Revisions: another Ray version for a group, and the way back to what it was before."""

from __future__ import annotations

import json

from adbray_ctl.core.errors import RefusedError, UsageError
from adbray_ctl.core.history import RunDetail, RunOutcome
from adbray_ctl.core.preflight.advisories import advisories_for
from adbray_ctl.core.protocols.state import History
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.versions import release
from adbray_ctl.services.tools import Tools

# Looked through for a revision to go back to.
_RUNS = 200


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
