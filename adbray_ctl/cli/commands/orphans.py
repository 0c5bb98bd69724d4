"""`adbray orphans`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

from adbray_ctl.cli.commands.destroy import carry_out
from adbray_ctl.cli.confirm import confirm, confirm_name
from adbray_ctl.cli.render.orphans import print_orphans, print_report
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import HostError, RefusedError, UsageError
from adbray_ctl.core.orphans import Orphan, OrphanKind, OrphanReport, group_of
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.text import did_you_mean
from adbray_ctl.services import destroy as destroy_service
from adbray_ctl.services import orphans as service
from adbray_ctl.services.history import recorded, unplanned


@dataclass(frozen=True)
class _Target:
    """One removal: a group from all its hosts, or a single other orphan."""

    kind: OrphanKind
    name: str
    orphans: tuple[Orphan, ...]

    @property
    def guarded(self) -> bool:
        return any(orphan.guarded for orphan in self.orphans)

    @property
    def text(self) -> str:
        places = ", ".join(orphan.place for orphan in self.orphans)
        makers = dict.fromkeys(orphan.whose for orphan in self.orphans)
        runs = "it runs; " if any(orphan.runs for orphan in self.orphans) else ""
        whose = "" if self.kind is OrphanKind.SHARED else f" ({runs}made by: {', '.join(makers)})"
        return f"{self.kind} {self.name} on {places}{whose}"


@click.command(
    epilog="Examples:\n\n  adbray orphans\n\n  adbray orphans --remove oldgroup",
    short_help="Find and remove what no group of this project owns.",
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--remove", is_flag=True, help="Remove it, or only what is called NAME.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about what was made from here.")
@click.option("--force", is_flag=True, help="Nor about what runs, or was not made from here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def orphans(
    state: State, names: tuple[str, ...], *, remove: bool, yes: bool, force: bool, as_json: bool
) -> None:
    """Look on all hosts, and in every external Redis that a group's file names, for leftovers.

    These are groups without a file here, with their slots, units, disks and keys. Another project
    on the same hosts has its own groups: look at who made one before you remove it. Keys of which
    a head runs are never removed.
    """
    if not remove and (names or yes or force):
        raise UsageError("NAME, --yes and --force go with --remove")
    if remove and as_json:
        raise UsageError("--json lists, and does not go with --remove")
    if remove:
        with state.tools.lock.hold("orphans --remove"):
            _remove(state, names, yes=yes, force=force)
        return
    report = service.find(state.tools).report
    if as_json:
        print_json(report)
    else:
        print_report(report)
    _require_whole(report)


def _require_whole(report: OrphanReport) -> None:
    if report.problems:
        raise HostError(
            "not everything could be looked at:\n" + "\n".join(report.problems),
            hint="bring it back, or give a host up with `retired: true` in fleet.yml",
        )


def _remove(state: State, names: tuple[str, ...], *, yes: bool, force: bool) -> None:
    """Ask about everything first, then remove; raises RefusedError for what was not agreed to."""
    found = service.find(state.tools)
    # What is hidden may own what looks like an orphan.
    _require_whole(found.report)
    chosen = _chosen(found.report.orphans, names)
    if not chosen:
        say("no orphans to remove")
        return
    print_orphans(chosen)
    targets = _targets(chosen)
    agreed = [one for one in targets if _agreed(state, one, yes=yes, force=force)]
    for target in agreed:
        _carry_out(state, found, target)
    kept = [target.text for target in targets if target not in agreed]
    if kept:
        raise RefusedError(
            "not removed, as it runs or was not made from this directory:\n" + "\n".join(kept),
            hint="see whose it is; name it, and pass --force",
        )


def _chosen(all_of: tuple[Orphan, ...], names: tuple[str, ...]) -> tuple[Orphan, ...]:
    """What can be removed, of ``names`` if there are any."""
    known = tuple(dict.fromkeys(orphan.name for orphan in all_of))
    for name in names:
        here = [orphan for orphan in all_of if orphan.name == name]
        if not here:
            hint = did_you_mean(name, known) or "`adbray orphans` lists them"
            raise UsageError(f"no orphan is called {name!r}", hint=hint)
        if not any(orphan.removable for orphan in here):
            raise RefusedError(
                f"{name} is not removed so", where=here[0].place, hint=here[0].remedy
            )
    return tuple(o for o in all_of if o.removable and (not names or o.name in names))


def _targets(chosen: tuple[Orphan, ...]) -> list[_Target]:
    found: dict[tuple[OrphanKind, str, str], list[Orphan]] = {}
    for orphan in chosen:
        # A group goes from all its hosts at once.
        place = "" if orphan.kind is OrphanKind.GROUP else orphan.place
        found.setdefault((orphan.kind, orphan.name, place), []).append(orphan)
    return [_Target(kind, name, tuple(some)) for (kind, name, _), some in found.items()]


def _agreed(state: State, target: _Target, *, yes: bool, force: bool) -> bool:
    """Whether ``target`` may go; raises RefusedError on a no."""
    if target.kind is OrphanKind.GROUP:
        for job in destroy_service.prepare(state.tools, target.name).jobs:
            say(f"running job {job.id} of {target.name}: {job.entrypoint}")
    if force or (yes and not target.guarded):
        return True
    if not target.guarded:
        confirm(f"Remove {target.text}?")
        return True
    if yes or not sys.stdin.isatty():
        return False
    confirm_name(f"Remove {target.text}? What it holds is lost for good.", target.name)
    return True


def _carry_out(state: State, found: service.Found, target: _Target) -> None:
    tools, name = state.tools, target.name
    if target.kind is OrphanKind.GROUP:
        carry_out(state, destroy_service.prepare(tools, name))
        return
    (orphan,) = target.orphans
    deed = unplanned(group_of(name) or name, "orphans", (), Impact.DELETE)
    with (
        ProgressView(f"remove {orphan.kind} {name}") as view,
        recorded(tools, deed, view) as report,
    ):
        if target.kind is OrphanKind.KEYS:
            done = f"{service.remove_keys(tools, found, orphan)} keys of {name}"
        else:
            service.remove_shared(tools, found.fleet, orphan.place, report)
            done = f"what groups shared on {name}"
    say(f"removed {done} in {view.elapsed_s:.1f} s")
