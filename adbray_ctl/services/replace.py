"""Replace: find what a host that is given up carries, or carried if it is dead."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.errors import HostError, UsageError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.topology import Replacement
from adbray_ctl.core.plan.consent import Consent, Question
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.specs import ProjectFiles
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.text import no_such
from adbray_ctl.services.change import Change, change_all
from adbray_ctl.services.edits import edited
from adbray_ctl.services.observe import unseen_nodes
from adbray_ctl.services.plan import Prepared, prepare
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Found:
    """What a replacement is about, the host being retired already.

    ``plans`` are of the groups whose nodes move. ``left`` are groups that stand on the host, or may
    do so, and are not touched: there is no file for them, or no host shows anything of them.
    """

    silent: bool
    plans: tuple[Prepared, ...]
    left: tuple[str, ...]
    observed: Observed

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(prepared.spec.name for prepared in self.plans)


def replace(
    tools: Tools,
    project: ProjectFiles,
    replacing: Replacement,
    address: str,
    consent: Consent,
    console: Console,
) -> Found:
    """Retire the old host and move what it carries; the new one is added if ``address`` is given.

    Raises UsageError for hosts that will not do, and what ``find`` and ``change`` do.
    """
    fleet = project.fleet()
    check_hosts(fleet, replacing, address or None)
    with tools.lock.hold(f"replace {replacing.old}"):
        known = any(one.name == replacing.new for one in fleet.hosts)
        before = project.retire(replacing.old, None if known else (replacing.new, address))
        with edited(project, None, before, console) as watch:
            found = find(tools, replacing)
            if found.silent and not consent.yes:
                console.confirm(_question(found, replacing.old))
            changes = [
                Change(group=group, command="replace", replacing=replacing)
                for group in found.groups
            ]
            change_all(tools, changes, consent, console, observed=found.observed, watch=watch)
    return found


def _question(found: Found, host: str) -> Question:
    """A silent host may only be cut off: its nodes would then run twice until it is cleaned."""
    groups = ", ".join(found.groups) or "no group"
    return Question(
        text=f"Host {host} gives no answer. Its nodes ({groups}) are made again elsewhere, and what"
        " is on it is removed when it comes back. Go on?"
    )


def check_hosts(fleet: Fleet, replacing: Replacement, address: str | None) -> None:
    """Raise UsageError unless the new host is a good one, or is to be added with ``address``."""
    names = tuple(host.name for host in fleet.hosts)
    old, new = replacing.old, replacing.new
    if old not in names:
        raise UsageError(no_such("host", old, names, of="in fleet.yml"))
    if old == new:
        raise UsageError(
            "a host cannot replace itself",
            hint="a machine that was set up anew under its old name needs `adbray apply` alone",
        )
    if new not in names:
        if address is None:
            hint = f"add it there, or have it added: adbray replace {old} {new}=ADDRESS"
            raise UsageError(no_such("host", new, names, of="in fleet.yml"), hint=hint)
        return
    host = fleet.host(new)
    if host.retired:
        raise UsageError(f"host {new} is retired itself", hint="choose another one")
    if address is not None and address != host.address:
        what = f"host {new} is in fleet.yml with the address {host.address}"
        raise UsageError(what, hint="leave the address out, or choose another name")


def find(tools: Tools, replacing: Replacement) -> Found:
    """Observe, and plan for every group that has nodes on the old host; changes nothing.

    A host that gives no answer carried the nodes that no other shows. Raises what ``prepare`` does,
    and HostError when the new host is silent.
    """
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    fresh = observed.host(replacing.new)
    if fresh.error:
        raise HostError(fresh.error, where=fresh.host, hint="choose a host that answers")
    old = observed.host(replacing.old)
    names = tools.specs.names()
    if old.error:
        groups, left = _not_whole(tools, fleet, observed, names)
    else:
        here = {slot.record.group for slot in old.slots}
        groups = tuple(name for name in names if name in here)
        left = tuple(sorted({*here, *old.groups} - {*groups}))
    plans = tuple(prepare(tools, g, replacing=replacing, observed=observed) for g in groups)
    return Found(silent=old.error is not None, plans=plans, left=left, observed=observed)


def leftovers(tools: Tools, host: str) -> tuple[str, ...]:
    """The groups of which ``host``, which answers, still carries anything."""
    return tools.hosts.observe(tools.specs.fleet(), (host,)).host(host).groups


def _not_whole(
    tools: Tools, fleet: Fleet, observed: Observed, names: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The groups that lack nodes, and those that no host shows and that were never made here."""
    groups: list[str] = []
    left: list[str] = []
    for name in names:
        unseen = unseen_nodes(fleet, tools.specs.group(name, fleet), observed)
        stands = any(record.group == name for _, record in observed.records())
        if unseen:
            (groups if stands or tools.secrets.has(name) else left).append(name)
    return tuple(groups), tuple(left)
