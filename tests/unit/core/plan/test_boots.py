"""When an apply boots a host for its GPU driver, what that interrupts, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.observed.gpus import GpuReading
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.spec.impact import Impact
from tests.unit.cluster import applied, placed, planned
from tests.unit.core.gpu_hosts import DISTRO, hosts, with_reading
from tests.unit.core.plans import fleet, names, spec

GPU_ROLES = ("host_base", "gpu")


def standing(gpu: dict[str, Any] | None, **reading: Any) -> Observed:
    """The cluster applied with ``gpu`` on host c, which reads ``reading`` of its cards now."""
    known = fleet(**hosts(gpu))
    seen = applied(known, spec(), placed(known, spec()))
    return with_reading(seen, **reading)


def plan(gpu: dict[str, Any] | None, observed: Observed, **more: Any) -> ChangePlan:
    return planned(fleet(**hosts(gpu)), spec(**more), observed)


NEWER = {"driver": "distro", "branch": "550"}
WHY = "driver 535.1 is loaded and 535.2 is installed"


def on_c(observed: Observed) -> set[str]:
    return {slot.record.slot for slot in observed.host("c").slots}


def test_a_host_that_asks_for_a_boot_is_drained_booted_and_goes_on() -> None:
    seen = standing(DISTRO, driver="535.1", installed="535.2", reboot=WHY)
    found = plan(DISTRO, seen)
    (step,) = found.steps
    assert (step.hosts, step.boot, step.first) == (("c",), WHY, GPU_ROLES)
    assert "g-0" in step.drain
    assert step.roles[0] == "gpu"
    assert "ray_worker" in step.roles
    running = {slot for slot in on_c(seen) if slot in step.nodes}
    assert names(found) == dict.fromkeys(running, Impact.RESTART)
    assert all(change.reason == f"its host boots: {WHY}" for change in found.interrupted)
    assert not found.is_empty


def test_nobody_boots_a_host_whose_driver_is_not_looked_after() -> None:
    assert plan(None, standing(None, driver="535.1", reboot=WHY)).is_empty


@pytest.mark.parametrize(
    ("gpu", "reading", "reason"),
    [
        (
            NEWER,
            {"driver": "535.1", "installed": "535.1"},
            "driver 535.1 is loaded, and branch 550 is wanted",
        ),
        (DISTRO, {"nouveau": True}, "nouveau is loaded, and NVIDIA's driver is to take its place"),
        (
            {
                "driver": "runfile",
                "runfile": {
                    "url": "https://files.example.com/NVIDIA-Linux-x86_64-550.54.15.run",
                    "sha256": "0" * 64,
                },
            },
            {"driver": "535.1"},
            "driver 535.1 is loaded, and 550.54.15 is wanted",
        ),
    ],
)
def test_a_driver_in_the_way_is_foreseen(
    gpu: dict[str, Any], reading: dict[str, Any], reason: str
) -> None:
    found = plan(gpu, standing(None, **reading))
    assert [boot.reason for boot in found.boots] == [reason]
    assert [step.boot for step in found.steps if step.boot] == [reason]
    assert not any("gpu" in step.roles for step in found.steps if not step.boot)


@pytest.mark.parametrize("reading", [{}, {"driver": "535.9", "installed": "535.9"}])
def test_a_driver_that_nothing_is_in_the_way_of_interrupts_nobody(reading: dict[str, Any]) -> None:
    found = plan(DISTRO, standing(None, **reading))
    assert (found.boots, found.interrupted) == ((), ())
    first = found.steps[0]
    assert (first.hosts, first.roles, first.members) == (("c",), GPU_ROLES, ())
    assert set(names(found).values()) == {Impact.UPDATE}
    reasons = [change.reason for change in found.changes if change.action is Impact.UPDATE]
    assert all("gpu.driver: none -> distro" in reason for reason in reasons)


@pytest.mark.parametrize("recorded", [DISTRO, NEWER])
def test_what_is_loaded_counts_and_not_what_the_host_was_told(recorded: dict[str, Any]) -> None:
    """Records say the old where an apply failed behind its boot, the new where others' told it."""
    seen = standing(recorded, driver="535.1", installed="535.1")
    (boot,) = plan(NEWER, seen).boots
    assert boot.reason == "driver 535.1 is loaded, and branch 550 is wanted"


def test_a_branch_goes_back_after_an_apply_that_failed_behind_its_boot() -> None:
    seen = standing(DISTRO, driver="550.1", installed="550.1")
    (step,) = plan(DISTRO, seen).steps
    assert step.boot == "driver 550.1 is loaded, and branch 535 is wanted"
    assert "g-0" in step.drain


def test_a_branch_goes_back_where_the_other_takes_no_card() -> None:
    """Then its module is not loaded, so that nothing is in the way."""
    found = plan(DISTRO, standing(DISTRO, installed="550.1"))
    assert (found.boots, found.interrupted) == ((), ())
    assert [(step.hosts, step.roles) for step in found.steps] == [(("c",), GPU_ROLES)]


def test_a_driver_that_is_right_needs_nothing() -> None:
    assert plan(DISTRO, standing(DISTRO, driver="535.1", installed="535.1")).is_empty
    assert plan(DISTRO, standing(DISTRO, installed="535.1")).is_empty


def test_a_new_group_s_hosts_get_their_driver_before_their_nodes() -> None:
    nothing = with_reading(standing(None), nouveau=True)
    bare = Observed(
        hosts=tuple(h.model_copy(update={"slots": (), "units": ()}) for h in nothing.hosts)
    )
    boot, base, *_ = plan(DISTRO, bare).steps
    assert (boot.hosts, boot.members, boot.drain) == (("c",), (), ())
    assert boot.boot
    assert "g-0" in base.nodes


def test_a_change_of_version_comes_before_the_boot() -> None:
    seen = standing(DISTRO, driver="535.1", reboot=WHY)
    *_, cutover, boot = plan(DISTRO, seen, ray={"version": "2.61.0"}).steps
    assert boot.boot == WHY
    assert "g-0" in cutover.nodes
    assert "g-0" in boot.drain


def test_what_other_groups_run_there_is_told() -> None:
    seen = standing(DISTRO, driver="535.1", reboot=WHY)
    (g,) = (slot for slot in seen.host("c").slots if slot.record.slot == "g-0")
    record = g.record.model_copy(update={"group": "other", "unit": "adbray-worker@other.g-0"})
    unit = UnitState(unit=record.unit, active="active", sub="running")
    more = tuple(
        h.model_copy(
            update={
                "slots": (*h.slots, ObservedSlot(record=record, applied_at=1)),
                "units": (*h.units, unit),
            }
        )
        if h.host == "c"
        else h
        for h in seen.hosts
    )
    (boot,) = plan(DISTRO, Observed(hosts=more)).boots
    assert boot.others == ("other/g-0",)
    assert boot.text.endswith("that interrupts other/g-0 as well")


def test_a_container_without_a_driver_asks_for_nothing() -> None:
    assert GpuReading().reboot == ""
