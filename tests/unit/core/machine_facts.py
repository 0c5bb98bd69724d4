"""Hosts that say which machine they are."""

from __future__ import annotations

from adbray_ctl.core.observed.hosts import HostFacts, HostObservation


def host(name: str, machine: str, boot: str, *keys: str) -> HostObservation:
    facts = HostFacts(
        machine=machine,
        boot=boot,
        host_keys=keys,
        cpus=1,
        memory_mb=1,
        gpus=0,
    )
    return HostObservation(host=name, facts=facts)
