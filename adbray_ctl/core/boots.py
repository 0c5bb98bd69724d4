"""Which hosts an apply has to boot for their GPU driver, and what runs there beside the group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from adbray_ctl.core.gpus import GpuReading
from adbray_ctl.core.observed import HostObservation, Observed
from adbray_ctl.core.plan_hosts import HostBoot
from adbray_ctl.core.slot_records import host_settings
from adbray_ctl.core.spec_fleet import Fleet
from adbray_ctl.core.spec_gpu import GPU, Driver, HostGpu


def boots_of(
    fleet: Fleet, group: str, hosts: Iterable[str], observed: Observed
) -> tuple[HostBoot, ...]:
    """The hosts among ``hosts`` that boot: they say so themselves, or another driver is wanted.

    Only those whose driver adbray looks after. A host that turns out to need no boot gets none.
    """
    found = []
    for host in hosts:
        wanted, seen = fleet.gpu_of(host), observed.host(host)
        if wanted is None or seen.facts is None:
            continue
        reason = seen.facts.gpu.reboot
        if not reason and not _told(seen, _about_driver(host_settings(fleet, host))):
            reason = _another(wanted, seen.facts.gpu)
        if reason:
            found.append(HostBoot(host=host, reason=reason, others=_others(seen, group)))
    return tuple(found)


def _about_driver(settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in settings.items() if name.startswith(GPU)}


def _told(seen: HostObservation, settings: Mapping[str, JsonValue]) -> bool:
    """Whether an apply, of whichever group, has told the host these settings already."""
    return any(_about_driver(slot.record.host_settings) == settings for slot in seen.slots)


def _another(wanted: HostGpu, gpu: GpuReading) -> str:
    """Why what is loaded now is in the way of the driver that is wanted, as far as is known."""
    if wanted.driver is Driver.PREINSTALLED:
        return ""
    if gpu.nouveau:
        return "nouveau is loaded, and NVIDIA's driver is to take its place"
    if wanted.runfile is not None and gpu.driver not in ("", wanted.runfile.version):
        return f"driver {gpu.driver} is loaded, and {wanted.runfile.version} is wanted"
    branch = wanted.branch or ""
    if gpu.driver and branch and not gpu.driver.startswith(f"{branch}."):
        return f"driver {gpu.driver} is loaded, and branch {branch} is wanted"
    return ""


def _others(seen: HostObservation, group: str) -> tuple[str, ...]:
    records = [slot.record for slot in seen.slots if slot.record.group != group]
    running = {unit.unit for unit in seen.units if unit.runs}
    return tuple(f"{r.group}/{r.slot}" for r in records if r.unit in running)
