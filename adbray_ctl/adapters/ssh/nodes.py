"""Drains Ray nodes and stops units over plain SSH."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.threads import everywhere
from adbray_ctl.core.errors import ClusterError, HostError, HostKeyError
from adbray_ctl.core.slot.record import SlotRecord
from adbray_ctl.core.spec.fleet import Fleet

_TRY_WITHIN_S = 130.0


class SshNodes:
    """Nodes, over the same connections and pinned keys as the observe pass."""

    def __init__(self, hosts: SshHosts) -> None:
        self._hosts = hosts

    def drain(self, fleet: Fleet, head: str, record: SlotRecord, nodes: Sequence[str]) -> None:
        address = f"{record.address}:{record.ports['gcs']}"
        output = self._hosts.run(
            fleet, head, "nodes", "drain", record.group, address, record.venv, *nodes
        )
        # A node that has just ended is refused, and needs no draining any more.
        refused = [why for why in json.loads(output) if "not found" not in why.lower()]
        if refused:
            raise HostError(f"Ray does not drain: {refused[0]}", where=head)

    def stop(self, fleet: Fleet, units: Mapping[str, Sequence[str]]) -> None:
        self._on_each(
            units, lambda host: self._hosts.run(fleet, host, "nodes", "stop", *units[host])
        )

    def boot(self, fleet: Fleet, host: str) -> None:
        self._hosts.run(fleet, host, "nodes", "boot")

    def hold(
        self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]], seconds: float
    ) -> None:
        self._on_each(
            slots,
            lambda host: self._hosts.run(
                fleet, host, "nodes", "hold", group, f"{seconds:.0f}", *slots[host]
            ),
        )

    def release(self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]]) -> None:
        self.hold(fleet, group, slots, 0)

    def try_ray(self, fleet: Fleet, hosts: Sequence[str], venv: str, version: str) -> None:
        def try_on(host: str) -> str:
            try:
                self._hosts.run(fleet, host, "nodes", "try", venv, version, within_s=_TRY_WITHIN_S)
            except HostKeyError:
                raise
            except HostError as error:
                return f"{host}: {error.what}"
            return ""

        failed = [why for why in everywhere(try_on, hosts, at_once=len(hosts)) if why]
        if failed:
            raise ClusterError(
                "\n    ".join([f"Ray {version} does not work on its trial:", *failed]),
                where=failed[0].partition(":")[0],
                hint="nothing was changed and the group runs as before; try by hand there:"
                f" {venv}/bin/python -c 'import ray; ray.init()'",
            )

    @staticmethod
    def _on_each(hosts: Collection[str], act: Callable[[str], str]) -> None:
        everywhere(act, tuple(hosts), at_once=len(hosts))
