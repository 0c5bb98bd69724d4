"""Removal of orphans: which of them go, who agrees to it, and what is done."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.errors import HostError, RefusedError, UsageError
from adbray_ctl.core.orphans import Orphan, OrphanKind, OrphanReport, group_of
from adbray_ctl.core.plan.consent import Consent, Question
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.text import did_you_mean
from adbray_ctl.services import destroy
from adbray_ctl.services.change import on_record
from adbray_ctl.services.history import unplanned
from adbray_ctl.services.orphans import Found, find, remove_keys, remove_shared
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Target:
    """One removal: a group from all its hosts, or a single other orphan."""

    kind: OrphanKind
    name: str
    orphans: tuple[Orphan, ...]

    @property
    def guarded(self) -> bool:
        """Whether a yes to ordinary changes does not cover it."""
        return any(orphan.guarded for orphan in self.orphans)

    @property
    def text(self) -> str:
        """In one line."""
        places = ", ".join(orphan.place for orphan in self.orphans)
        owners = dict.fromkeys(orphan.whose for orphan in self.orphans)
        runs = "it runs; " if any(orphan.runs for orphan in self.orphans) else ""
        whose = "" if self.kind is OrphanKind.SHARED else f" ({runs}made by: {', '.join(owners)})"
        return f"{self.kind} {self.name} on {places}{whose}"


def remove(tools: Tools, names: tuple[str, ...], consent: Consent, console: Console) -> None:
    """Ask about everything first, then remove.

    Raises RefusedError for what was not agreed to, HostError if not all could be looked at.
    """
    with tools.lock.hold("orphans --remove"):
        found = find(tools)
        # What is hidden may own what looks like an orphan.
        require_whole(found.report)
        chosen = chosen_of(found.report.orphans, names)
        if not chosen:
            console.show("no orphans to remove")
            return
        console.show_orphans(chosen)
        targets = targets_of(chosen)
        agreed = [one for one in targets if is_agreed(tools, found, one, consent, console)]
        for target in agreed:
            _carry_out(tools, found, target, console)
    kept = [target.text for target in targets if target not in agreed]
    if kept:
        raise RefusedError(
            "not removed, as it runs or was not made from this directory:\n" + "\n".join(kept),
            hint="see whose it is; name it, and pass --force",
        )


def require_whole(report: OrphanReport) -> None:
    """Raise HostError if there was anything that could not be looked at."""
    if report.problems:
        raise HostError(
            "not everything could be looked at:\n" + "\n".join(report.problems),
            hint="bring it back, or give a host up with `retired: true` in fleet.yml",
        )


def chosen_of(all_of: tuple[Orphan, ...], names: tuple[str, ...]) -> tuple[Orphan, ...]:
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


def targets_of(chosen: tuple[Orphan, ...]) -> list[Target]:
    """``chosen``, by what goes at once."""
    found: dict[tuple[OrphanKind, str, str], list[Orphan]] = {}
    for orphan in chosen:
        # A group goes from all its hosts at once.
        place = "" if orphan.kind is OrphanKind.GROUP else orphan.place
        found.setdefault((orphan.kind, orphan.name, place), []).append(orphan)
    return [Target(kind, name, tuple(some)) for (kind, name, _), some in found.items()]


def is_agreed(
    tools: Tools, found: Found, target: Target, consent: Consent, console: Console
) -> bool:
    """Whether ``target`` may go; raises RefusedError on a no."""
    if target.kind is OrphanKind.GROUP:
        for job in destroy.prepare(tools, target.name, found.observed).jobs:
            console.show(f"running job {job.id} of {target.name}: {job.entrypoint}")
    if consent.force or (consent.yes and not target.guarded):
        return True
    if not target.guarded:
        console.confirm(Question(text=f"Remove {target.text}?"))
        return True
    if consent.yes or not console.interactive:
        return False
    text = f"Remove {target.text}? What it holds is lost for good."
    console.confirm(Question(text=text, name=target.name))
    return True


def _carry_out(tools: Tools, found: Found, target: Target, console: Console) -> None:
    name = target.name
    if target.kind is OrphanKind.GROUP:
        destroy.carry_out(tools, destroy.prepare(tools, name), console)
        return
    (orphan,) = target.orphans
    deed = unplanned(group_of(name) or name, "orphans", (), Impact.DELETE)
    began = tools.clock.now()
    with on_record(tools, deed, console, title=f"remove {orphan.kind} {name}") as report:
        if target.kind is OrphanKind.KEYS:
            done = f"{remove_keys(tools, found, orphan)} keys of {name}"
        else:
            remove_shared(tools, found.fleet, orphan.place, report)
            done = f"what groups shared on {name}"
    console.show(f"removed {done} in {tools.clock.now() - began:.1f} s")
