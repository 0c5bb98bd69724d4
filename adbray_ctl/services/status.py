"""Status and addresses of groups, as observed."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.desired.web import PASSWORD, web_url
from adbray_ctl.core.errors import AdbrayError, ClusterError, SpecError, UsageError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.status import Addresses, GroupStatus, group_status
from adbray_ctl.core.preflight.machines import host_problems
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.text import no_such
from adbray_ctl.services.observe import silent_hosts, unseen_nodes
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Look:
    """What hosts showed at one time, and what it means for each group."""

    observed: Observed
    groups: tuple[GroupStatus, ...]


def status(tools: Tools, groups: tuple[str, ...]) -> tuple[GroupStatus, ...]:
    """As ``look``, for who needs no more of it."""
    return look(tools, groups).groups


def look(tools: Tools, groups: tuple[str, ...]) -> Look:
    """The state of each of ``groups``; of all there are, in files or on hosts, if none is named.

    Raises ClusterError for a named group that is not applied, UsageError if it has no file either;
    a group with a file is shown, too, while hosts have problems.
    """
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    standing = {record.group for _, record in observed.records()}
    found = tuple(
        _status(tools, fleet, observed, group)
        for group in groups or sorted(standing | set(tools.specs.names()))
    )
    for one in found:
        known = one.group in tools.specs.names() and one.problems
        if groups and one.complete and not one.slots and not known:
            raise not_applied(tools, fleet, one.group)
    return Look(observed=observed, groups=found)


def _status(tools: Tools, fleet: Fleet, observed: Observed, group: str) -> GroupStatus:
    found = group_status(group, observed, fleet.retired)
    has_file = group in tools.specs.names()
    problems = (*host_problems(observed, tools.specs.where), *found.problems)
    if found.slots and not has_file:
        problems += (f"groups/{group}.yml does not exist: this group is on the hosts alone",)
    return found.model_copy(
        update={
            "addresses": _with_web(tools, fleet, found),
            "problems": problems,
            "complete": not _may_hide_nodes(tools, fleet, observed, found, has_file=has_file),
        }
    )


def _may_hide_nodes(
    tools: Tools, fleet: Fleet, observed: Observed, found: GroupStatus, *, has_file: bool
) -> bool:
    """Whether a host that gave no answer may hold a node of the group, as plan and apply judge."""
    asleep = {host.host for host in found.scaling.asleep} if found.scaling else set()
    silent = {host.host for host in silent_hosts(fleet, observed)} - asleep
    if not silent or not has_file:
        return bool(silent)
    try:
        spec = tools.specs.group(found.group, fleet)
    except SpecError:
        return True
    return bool(unseen_nodes(fleet, spec, observed))


def addresses(tools: Tools, group: str) -> Addresses:
    """Raises ClusterError if the group is not applied, or no host that answers has its head."""
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    found = _with_web(tools, fleet, group_status(group, observed))
    if found is None:
        raise no_head(tools, fleet, group, observed)
    return found


def _with_web(tools: Tools, fleet: Fleet, status: GroupStatus) -> Addresses | None:
    """The group's addresses, with the one that fleet.yml has for browsers."""
    monitoring = fleet.monitoring
    if status.addresses is None or monitoring is None or monitoring.web is None:
        return status.addresses
    web = {
        "web": web_url(fleet),
        "web_user": monitoring.web.user,
        "web_password_file": f"{tools.secrets.site(status.group).web_dir}/{PASSWORD}",
    }
    return status.addresses.model_copy(update=web)


def no_head(tools: Tools, fleet: Fleet, group: str, observed: Observed) -> AdbrayError:
    """No host that answers has the group's head: a silent one may have it, or none has."""
    silent = [
        f"{host.host}: {host.error}"
        for host in observed.hosts
        if host.error and host.host not in fleet.retired
    ]
    if not silent and not observed.hosts_with(group):
        return not_applied(tools, fleet, group)
    if not silent:
        what, hint = "no host carries its head", f"`adbray apply {group}` makes it"
        return ClusterError(what, where=f"group {group}", hint=hint)
    what = "no host that answers carries this group's head; " + "; ".join(silent)
    return ClusterError(what, where=f"group {group}", hint="bring the silent hosts back")


def not_applied(tools: Tools, fleet: Fleet, group: str) -> AdbrayError:
    """There is no such group on the fleet's hosts: a UsageError if it has no file either."""
    names = tools.specs.names()
    if group not in names:
        hint = "no host carries it; `adbray history` lists what was done from this directory"
        return UsageError(no_such("group", group, names), hint=hint)
    return ClusterError(
        f"no host of the {len(fleet.hosts)} in fleet.yml carries this group",
        where=f"group {group}",
        hint=f"`adbray apply {group}` makes it",
    )
