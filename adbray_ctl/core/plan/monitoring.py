"""The steps of a plan that bring monitoring to what the fleet and one group ask for."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.desired.desired import Desired
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.plan.steps import Step

# Taken in this order by playbooks/site.yml: the scraped before the one who scrapes, whose record
# says that all is done. Where a group is watched no longer, that goes after all that it tells of.
ROLES = ("node_exporter", "alertmanager", "web_proxy", "grafana", "prometheus")


def monitoring_steps(desired: Desired, observed: Observed) -> Iterator[Step]:
    """Nothing where each host that watches the group, or should, knows what is wanted."""
    topology, wanted = desired.topology, desired.monitoring
    watching = observed.watching(topology.group)
    left = unmonitoring(desired, observed)
    if wanted is None and left:
        hosts = tuple(dict.fromkeys((*topology.hosts, *left)))
        title = f"monitoring: remove it from {', '.join(hosts)}"
        yield Step(title=title, hosts=hosts, roles=ROLES)
    elif wanted is not None and (left or watching.get(wanted.host) != wanted.revision):
        verb = "update" if wanted.host in watching else "install"
        title = f"monitoring: {verb} on {wanted.host}"
        title += f", remove from {', '.join(left)}" if left else ""
        hosts = tuple(dict.fromkeys((*wanted.hosts, *left)))
        yield Step(title=title, hosts=hosts, roles=ROLES)


def unmonitoring(desired: Desired, observed: Observed) -> tuple[str, ...]:
    """The hosts whose Prometheus watches the group and should not."""
    wanted = desired.monitoring
    watching = observed.watching(desired.topology.group)
    return tuple(host for host in watching if wanted is None or host != wanted.host)
