"""Apply: make one group real, then wait until Ray knows every node that should run."""

from __future__ import annotations

from adbray_ctl.core.errors import ClusterError
from adbray_ctl.core.events import Note
from adbray_ctl.core.inventory import build_removal_inventory
from adbray_ctl.core.ports import Report
from adbray_ctl.core.record import SlotKind
from adbray_ctl.core.status import GroupStatus, State, group_status
from adbray_ctl.services.plan import Prepared, inventory_of
from adbray_ctl.services.tools import Tools

# Ray's head answers about 6 s after its start and a worker joins in about 3 s on an idle machine;
# the rest is for loaded ones.
_READY_WITHIN_S = 180.0
_POLL_S = 1.0


def apply(tools: Tools, prepared: Prepared, report: Report) -> GroupStatus:
    """Carry out ``prepared``; the caller has shown its plan and holds the lock.

    Raises RunError when a task failed, ClusterError when a node is not ready in time.
    """
    ensure_secrets(tools, prepared)
    group = prepared.spec.name
    directory = tools.inventories.path(group)
    if prepared.departing_hosts:
        _leave_hosts(tools, prepared, report)
    tools.inventories.write(inventory_of(tools, prepared), directory)
    tools.runner.run("site", directory, report)
    return wait_ready(tools, prepared, report)


def ensure_secrets(tools: Tools, prepared: Prepared) -> None:
    """Create a new group's secrets; fetch a standing group's back when they are not here."""
    group = prepared.spec.name
    if tools.secrets.has(group):
        return
    heads = [h for h, r in prepared.observed.records() if (r.group, r.slot) == (group, "head")]
    if heads:
        folder = f"/etc/adbray/{group}"
        token = tools.hosts.read_file(prepared.fleet, heads[0], f"{folder}/token")
        password = None
        if prepared.topology.redis is not None:
            password = tools.hosts.read_file(prepared.fleet, heads[0], f"{folder}/redis_password")
        tools.secrets.store(group, token=token, redis_password=password)
    tools.secrets.create(group)


def wait_ready(tools: Tools, prepared: Prepared, report: Report) -> GroupStatus:
    """Observe until the head and all started workers are alive in Ray."""
    group, hosts = prepared.spec.name, prepared.topology.hosts
    wanted = {p.slot for p in prepared.topology.started}
    deadline = tools.clock.now() + _READY_WITHIN_S
    told = -1
    while True:
        status = group_status(group, tools.hosts.observe(prepared.fleet, hosts))
        running = {slot.slot for slot in status.slots if slot.state is State.RUNNING}
        missing = sorted(wanted - running)
        if not missing:
            return status
        if tools.clock.now() > deadline:
            raise _not_ready(prepared, status, missing)
        if told != len(missing):
            report(Note(text=f"waiting for {len(missing)} of {len(wanted)}: {', '.join(missing)}"))
            told = len(missing)
        tools.clock.sleep(_POLL_S)


def _leave_hosts(tools: Tools, prepared: Prepared, report: Report) -> None:
    group = prepared.spec.name
    inventory = build_removal_inventory(
        fleet=prepared.fleet,
        group=group,
        hosts=prepared.departing_hosts,
        site=tools.secrets.site(group),
    )
    directory = tools.inventories.path(f"{group}.leaving")
    tools.inventories.write(inventory, directory)
    tools.runner.run("delete", directory, report)
    tools.inventories.forget(f"{group}.leaving")


def _not_ready(prepared: Prepared, status: GroupStatus, missing: list[str]) -> ClusterError:
    slots = {slot.slot: slot for slot in status.slots}
    lines = [f"not ready after {_READY_WITHIN_S:g} s"]
    for name in missing:
        slot = slots.get(name)
        told = f"{slot.host}: {slot.state} ({slot.detail})" if slot else "no record on its host"
        lines.append(f"    {name}: {told}")
    lines += [f"    {problem}" for problem in status.problems]
    first = slots.get(missing[0])
    kind = first.kind if first else SlotKind.WORKER
    unit = f"adbray-{kind}@{prepared.spec.name}*"
    return ClusterError(
        "\n".join(lines),
        where=f"group {prepared.spec.name}",
        hint=f"on the host named, read `journalctl -u '{unit}'`, then run apply again",
    )
