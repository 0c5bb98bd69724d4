"""Status and addresses of groups, as observed."""

from __future__ import annotations

from adbray_ctl.core.errors import ClusterError
from adbray_ctl.core.spec_fleet import Fleet
from adbray_ctl.core.status import Addresses, GroupStatus, group_status
from adbray_ctl.services.tools import Tools


def status(tools: Tools, groups: tuple[str, ...]) -> tuple[GroupStatus, ...]:
    """The state of each of ``groups``; of all there are, in files or on hosts, if none is named."""
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    if not groups:
        standing = {record.group for _, record in observed.records()}
        groups = tuple(sorted(standing | set(tools.specs.names())))
    return tuple(group_status(group, observed, fleet.retired) for group in groups)


def addresses(tools: Tools, group: str) -> Addresses:
    """Raises ClusterError if the group is not applied."""
    fleet = tools.specs.fleet()
    found = group_status(group, tools.hosts.observe(fleet)).addresses
    if found is None:
        raise not_applied(fleet, group)
    return found


def not_applied(fleet: Fleet, group: str) -> ClusterError:
    """There is no such group on the fleet's hosts."""
    return ClusterError(
        f"no host of the {len(fleet.hosts)} in fleet.yml carries this group",
        where=f"group {group}",
        hint=f"`adbray apply {group}` makes it",
    )
