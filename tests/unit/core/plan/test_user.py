"""A group that an older adbray ran as the user of all groups gets its user."""

from __future__ import annotations

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.units import ObservedSlot
from adbray_ctl.core.slot.record import SlotRecord, revision_of
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.settings import USER, without_sizes
from tests.unit.core.plans import names, plan, spec, standing


def of_before(record: SlotRecord) -> SlotRecord:
    """As that adbray wrote it."""
    settings = {name: value for name, value in record.settings.items() if name != USER}
    revision = revision_of(without_sizes(settings))
    return record.model_copy(update={"settings": settings, "revision": revision})


def before() -> Observed:
    def old(slot: ObservedSlot) -> ObservedSlot:
        return slot.model_copy(update={"record": of_before(slot.record)})

    hosts = (
        host.model_copy(update={"slots": tuple(map(old, host.slots))}) for host in standing().hosts
    )
    return Observed(hosts=tuple(hosts))


def test_all_its_nodes_go_over_at_once_and_the_plan_says_why() -> None:
    found = plan(spec(), before())
    prepare, cutover = found.steps
    assert prepare.roles == ("host_base", "ray_runtime"), "the user, and what is new in Ray's hook"
    assert not prepare.nodes
    assert set(cutover.nodes) == {"head", "redis", "w-0", "w-1", "w-2", "x-0", "g-0"}
    assert set(cutover.drain) == {"head", "w-0", "w-1", "x-0", "g-0"}, "their disks change hands"
    roles = ("worker_disk", "redis", "redis_exporter", "ray_head", "ray_worker")
    assert cutover.roles == roles
    assert cutover.title == "change to user adbray-demo: 7 nodes"
    reasons = {change.reason for change in found.changes}
    assert reasons == {"user: none -> adbray-demo"}
    restarted = {node for node, action in names(found).items() if action is Impact.RESTART}
    assert restarted == {"head", "redis", "w-0", "w-1", "x-0", "g-0"}


def test_one_that_has_it_is_left_alone() -> None:
    assert plan(spec(), standing()).steps == ()
