"""Status and addresses of groups, as observed."""

from __future__ import annotations

from adbray_ctl.core.errors import ClusterError
from adbray_ctl.core.machines import host_problems
from adbray_ctl.core.monitoring import web_url
from adbray_ctl.core.observed import Observed
from adbray_ctl.core.spec_fleet import Fleet
from adbray_ctl.core.status import Addresses, GroupStatus, group_status
from adbray_ctl.core.web import PASSWORD
from adbray_ctl.services.tools import Tools


def status(tools: Tools, groups: tuple[str, ...]) -> tuple[GroupStatus, ...]:
    """The state of each of ``groups``; of all there are, in files or on hosts, if none is named."""
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    if not groups:
        standing = {record.group for _, record in observed.records()}
        groups = tuple(sorted(standing | set(tools.specs.names())))
    found = (group_status(group, observed, fleet.retired) for group in groups)
    problems = tuple(host_problems(observed, tools.specs.where))
    return tuple(
        one.model_copy(
            update={
                "addresses": _with_web(tools, fleet, one),
                "problems": (*problems, *one.problems),
            }
        )
        for one in found
    )


def addresses(tools: Tools, group: str) -> Addresses:
    """Raises ClusterError if the group is not applied, or no host that answers has its head."""
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    found = _with_web(tools, fleet, group_status(group, observed))
    if found is None:
        raise no_head(fleet, group, observed)
    return found


def _with_web(tools: Tools, fleet: Fleet, status: GroupStatus) -> Addresses | None:
    """The group's addresses, with the one that fleet.yml has for browsers."""
    monitoring = fleet.monitoring
    if status.addresses is None or monitoring is None or monitoring.web is None:
        return status.addresses
    told = {
        "web": web_url(fleet),
        "web_user": monitoring.web.user,
        "web_password_file": f"{tools.secrets.site(status.group).web_dir}/{PASSWORD}",
    }
    return status.addresses.model_copy(update=told)


def no_head(fleet: Fleet, group: str, observed: Observed) -> ClusterError:
    """No host that answers has the group's head: a silent one may have it, or none has."""
    silent = [
        f"{host.host}: {host.error}"
        for host in observed.hosts
        if host.error and host.host not in fleet.retired
    ]
    if not silent:
        return not_applied(fleet, group)
    what = "no host that answers carries this group's head; " + "; ".join(silent)
    return ClusterError(what, where=f"group {group}", hint="bring the silent hosts back")


def not_applied(fleet: Fleet, group: str) -> ClusterError:
    """There is no such group on the fleet's hosts."""
    return ClusterError(
        f"no host of the {len(fleet.hosts)} in fleet.yml carries this group",
        where=f"group {group}",
        hint=f"`adbray apply {group}` makes it",
    )
