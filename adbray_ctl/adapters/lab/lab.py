"""One directory's lab: its hosts of both kinds, its key, and what is remembered of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from adbray_ctl.adapters.lab import image, machine, network
from adbray_ctl.adapters.lab.backend import Backend
from adbray_ctl.adapters.lab.cgroups import remove_cgroups, stop_all
from adbray_ctl.adapters.lab.folder import LabFolder
from adbray_ctl.adapters.lab.nspawn import Nspawn, clear_mounts
from adbray_ctl.adapters.lab.qemu import Qemu
from adbray_ctl.adapters.lab.readiness import Readiness
from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.lab import (
    HostKind,
    HostState,
    LabHost,
    LabHostStatus,
    LabOrder,
    LabPlan,
    LabStatus,
)


class MachineLab:
    """Lab. Everything it makes lies below ``<directory>/.adbray/lab`` or carries the lab's id."""

    def __init__(self, directory: Path, cache: Path) -> None:
        self._directory = directory
        self._cache = cache
        self._folder = LabFolder(directory)
        self._backends: dict[HostKind, Backend] = {
            HostKind.CONTAINER: Nspawn(self._folder.base),
            HostKind.VM: Qemu(self._folder.base, self._folder.key),
        }
        self._readiness = Readiness(self._folder.base, self._backends)

    def plan(self) -> LabPlan | None:
        return self._folder.plan()

    def status(self) -> LabStatus:
        plan = self.plan()
        if plan is None:
            return LabStatus(directory=str(self._directory))
        pids = {kind: backend.pids(plan) for kind, backend in self._backends.items()}
        found = (_status(plan, host, pids[host.kind].get(host.name)) for host in plan.hosts)
        return LabStatus(directory=str(self._directory), hosts=tuple(found))

    def up(self, order: LabOrder, report: Callable[[str], None]) -> LabPlan:
        self._require_machine(order)
        self._folder.require_plain_path(self._cache)
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._folder.alone():
            before = self.plan()
            if before is not None:
                self._require_growth(before, order)
                if (before.count, before.vms) == (order.hosts, order.vms):
                    report(f"the lab's {len(before.hosts)} hosts are up already")
                    return before
            return self._make(before, order, report)

    def down(self, report: Callable[[str], None]) -> None:
        plan = self._folder.known_plan()
        with self._folder.alone():
            ended = stop_all(self._folder.id, self._folder.base)
            if self._folder.base.exists():
                clear_mounts(self._folder.base)
            network.detach_all(plan)
            remove_cgroups(f"adbray-{plan.id}-*")
            shutil.rmtree(self._folder.base, ignore_errors=True)
            with machine.locked():
                machine.release(plan.id)
        count = max(len(plan.hosts), ended)
        report(f"removed {count} hosts" if count else "there was no lab here")

    def require(self, hosts: Sequence[str]) -> None:
        for host in hosts:
            self._folder.find(host)

    def cut(self, host: str) -> None:
        plan, found = self._folder.find(host)
        network.set_link(plan, found, "down")

    def heal(self, host: str) -> None:
        plan, found = self._folder.find(host)
        network.set_link(plan, found, "up")

    def kill(self, host: str) -> None:
        plan, found = self._folder.find(host)
        with self._folder.alone():
            self._backends[found.kind].kill(plan, found)

    def start(self, host: str) -> None:
        plan, found = self._folder.find(host)
        backend = self._backends[found.kind]
        with self._folder.alone():
            if found.name in backend.pids(plan):
                return
            backend.clear(plan, found)
            remove_cgroups(network.namespace(plan, found))
            backend.boot(plan, found)
            self._readiness.wait(plan, [found], again=True)

    def purge_cache(self) -> None:
        image.purge(self._cache)

    def _make(
        self, before: LabPlan | None, order: LabOrder, report: Callable[[str], None]
    ) -> LabPlan:
        self._folder.base.mkdir(parents=True, exist_ok=True)
        for backend in self._wanted(order):
            backend.prepare(self._cache, report)
        with machine.locked():
            # The subnet is free until the bridge stands, so the choice is made under the lock.
            plan = self._folder.remember(before, order)
            machine.claim(plan.id, self._directory)
            network.make_bridge(plan)
        old = before.hosts if before else ()
        new = [host for host in plan.hosts if host not in old]
        public_key = self._folder.public_key()
        self._folder.forget_pins(new)
        for host in new:
            self._backends[host.kind].make(plan, host, order, public_key)
            self._backends[host.kind].boot(plan, host)
        for host in old:
            self._backends[host.kind].tell_names(plan, host)
        report(f"waiting for {len(new)} hosts to boot")
        self._readiness.wait(plan, new)
        return plan

    def _wanted(self, order: LabOrder) -> list[Backend]:
        counts = {HostKind.CONTAINER: order.hosts, HostKind.VM: order.vms}
        return [self._backends[kind] for kind, count in counts.items() if count]

    def _require_machine(self, order: LabOrder) -> None:
        backends = self._wanted(order)
        tools = {tool: name for backend in backends for tool, name in backend.tools.items()}
        machine.require_machine(tools)
        for backend in backends:
            backend.require()

    def _require_growth(self, before: LabPlan, order: LabOrder) -> None:
        found = self.status().hosts
        broken = [host.name for host in found if host.state is not HostState.RUNNING]
        if broken or order.hosts < before.count or order.vms < before.vms:
            what = f"it has {before.count} hosts and {before.vms} VMs"
            what = f"{', '.join(broken)} not running" if broken else what
            raise RefusedError(
                f"a lab is here already, and {what}",
                where=str(self._directory),
                hint="run `adbray lab down` first",
            )


def _status(plan: LabPlan, host: LabHost, pid: int | None) -> LabHostStatus:
    state = HostState.CUT if network.is_cut(plan, host) else HostState.RUNNING
    return LabHostStatus(
        name=host.name,
        address=host.address,
        kind=host.kind,
        state=HostState.STOPPED if pid is None else state,
        pid=pid,
    )
