"""One directory's lab: its hosts of both kinds, its key, and what is remembered of it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adbray_ctl.adapters.lab import hosts, image, machine, network
from adbray_ctl.adapters.lab.backend import Backend
from adbray_ctl.adapters.lab.nspawn import Nspawn, clear_mounts
from adbray_ctl.adapters.lab.processes import container_inits, end, members
from adbray_ctl.adapters.lab.qemu import Qemu
from adbray_ctl.adapters.lab.shell import read_text, run
from adbray_ctl.core.errors import LabError, RefusedError, UsageError
from adbray_ctl.core.foreign import reason_in
from adbray_ctl.core.lab import (
    HostKind,
    HostState,
    LabHost,
    LabHostStatus,
    LabOrder,
    LabPlan,
    LabStatus,
    lab_id,
)
from adbray_ctl.core.text import no_such

# Without hardware support a VM boots in half a minute, and in many times that beside other work.
_READY_WITHIN_S = {HostKind.CONTAINER: 60.0, HostKind.VM: 600.0}
_STOP_WITHIN_S = 20.0
# A host that boots again may have services that wait for other hosts: sshd must do then.
_BOOTED = frozenset({"running", "degraded"})
_BOOTED_AGAIN = _BOOTED | {"starting"}
# They would end an overlay's option or path in mount(8).
_NOT_IN_PATHS = frozenset(',:\\"')


class MachineLab:
    """Lab. Everything it makes lies below ``<directory>/.adbray/lab`` or carries the lab's id."""

    def __init__(self, directory: Path, cache: Path) -> None:
        self._directory = directory
        self._base = directory / ".adbray" / "lab"
        self._cache = cache
        self._id = lab_id(str(directory))
        self._key = self._base / "id_ed25519"
        self._backends: dict[HostKind, Backend] = {
            HostKind.CONTAINER: Nspawn(self._base),
            HostKind.VM: Qemu(self._base, self._key),
        }

    def plan(self) -> LabPlan | None:
        text = read_text(self._base / "lab.json")
        return LabPlan.model_validate_json(text) if text else None

    def status(self) -> LabStatus:
        plan = self.plan()
        if plan is None:
            return LabStatus(directory=str(self._directory))
        pids = {kind: backend.pids(plan) for kind, backend in self._backends.items()}
        found = (_status(plan, host, pids[host.kind].get(host.name)) for host in plan.hosts)
        return LabStatus(directory=str(self._directory), hosts=tuple(found))

    def up(self, order: LabOrder, report: Callable[[str], None]) -> LabPlan:
        self._require_machine(order)
        self._require_plain_path()
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._alone():
            before = self.plan()
            if before is not None:
                self._require_growth(before, order)
                if (before.count, before.vms) == (order.hosts, order.vms):
                    report(f"the lab's {len(before.hosts)} hosts are up already")
                    return before
            return self._make(before, order, report)

    def down(self, report: Callable[[str], None]) -> None:
        plan = self._known_plan()
        with self._alone():
            ended = self._stop_all()
            if self._base.exists():
                clear_mounts(self._base)
            network.detach_all(plan)
            self._remove_cgroups(f"adbray-{plan.id}-*")
            shutil.rmtree(self._base, ignore_errors=True)
            with machine.locked():
                machine.release(plan.id)
        count = max(len(plan.hosts), ended)
        report(f"removed {count} hosts" if count else "there was no lab here")

    def require(self, hosts: Sequence[str]) -> None:
        for host in hosts:
            self._find(host)

    def cut(self, host: str) -> None:
        plan, found = self._find(host)
        network.set_link(plan, found, "down")

    def heal(self, host: str) -> None:
        plan, found = self._find(host)
        network.set_link(plan, found, "up")

    def kill(self, host: str) -> None:
        plan, found = self._find(host)
        with self._alone():
            self._backends[found.kind].kill(plan, found)

    def start(self, host: str) -> None:
        plan, found = self._find(host)
        backend = self._backends[found.kind]
        with self._alone():
            if found.name in backend.pids(plan):
                return
            backend.clear(plan, found)
            self._remove_cgroups(network.namespace(plan, found))
            backend.boot(plan, found)
            self._await_ready(plan, [found], _BOOTED_AGAIN)

    def purge_cache(self) -> None:
        image.purge(self._cache)

    def _make(
        self, before: LabPlan | None, order: LabOrder, report: Callable[[str], None]
    ) -> LabPlan:
        self._base.mkdir(parents=True, exist_ok=True)
        for backend in self._wanted(order):
            backend.prepare(self._cache, report)
        with machine.locked():
            # The subnet is free until the bridge stands, so the choice is made under the lock.
            plan = self._remember(before, order)
            machine.claim(plan.id, self._directory)
            network.make_bridge(plan)
        old = before.hosts if before else ()
        new = [host for host in plan.hosts if host not in old]
        public_key = self._public_key()
        self._forget_pins(new)
        for host in new:
            self._backends[host.kind].make(plan, host, order, public_key)
            self._backends[host.kind].boot(plan, host)
        for host in old:
            self._backends[host.kind].tell_names(plan, host)
        report(f"waiting for {len(new)} hosts to boot")
        self._await_ready(plan, new, _BOOTED)
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

    def _require_plain_path(self) -> None:
        bad = sorted(_NOT_IN_PATHS & set(f"{self._base}{self._cache}"))
        if bad:
            raise LabError(
                f"the lab's disks cannot lie below a path with {' '.join(bad)}",
                where=str(self._directory),
                hint="choose another directory",
            )

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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lab against other commands; they are refused, for what they saw changes.

        The directory itself is locked: a lock file below it would go with the lab.
        """
        if not self._directory.is_dir():
            yield  # removed by hand; what was made from it may still run
            return
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if not _lock(folder):
                raise RefusedError(
                    "another `adbray lab` command works here",
                    where=str(self._directory),
                    hint="wait for its end and try again",
                )
            yield
        finally:
            os.close(folder)

    def _remember(self, before: LabPlan | None, order: LabOrder) -> LabPlan:
        subnet = before.subnet if before else network.free_subnet(self._id)
        plan = LabPlan(id=self._id, subnet=subnet, count=order.hosts, vms=order.vms)
        temporary = self._base / "lab.json.tmp"
        temporary.write_text(plan.model_dump_json())
        temporary.replace(self._base / "lab.json")
        return plan

    def _known_plan(self) -> LabPlan:
        """The plan, or what stands in for one that was lost: only its id is needed to remove."""
        try:
            plan = self.plan()
        except ValueError:
            plan = None
        return plan or LabPlan(id=self._id, subnet="0.0.0", count=0)

    def _public_key(self) -> str:
        """The public half of the key that opens every host; made once."""
        if not self._key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "adbray-lab",
                "-f", str(self._key))  # fmt: skip
        return self._key.with_suffix(".pub").read_text()

    def _forget_pins(self, started: Sequence[LabHost]) -> None:
        """New hosts have new keys; those pinned for hosts before them at the same addresses go."""
        pins = self._directory / ".adbray" / "known_hosts"
        if pins.exists():
            for host in started:
                run("ssh-keygen", "-q", "-R", host.address, "-f", str(pins))
            pins.with_name(f"{pins.name}.old").unlink(missing_ok=True)

    def _await_ready(
        self, plan: LabPlan, started: Sequence[LabHost], booted: frozenset[str]
    ) -> None:
        began = time.monotonic()
        for host in started:
            within_s = _READY_WITHIN_S[host.kind]
            while not self._ready(plan, host, booted):
                if time.monotonic() > began + within_s:
                    log = self._base / "hosts" / host.name / "console.log"
                    tail = reason_in(read_text(log))
                    raise LabError(
                        f"not up after {within_s:g} s{': ' + tail if tail else ''}",
                        where=host.name,
                        hint=f"see {log}; `adbray lab down` cleans up",
                    )
                time.sleep(0.1)

    def _ready(self, plan: LabPlan, host: LabHost, booted: frozenset[str]) -> bool:
        backend = self._backends[host.kind]
        return hosts.answers(host) and backend.system_state(plan, host) in booted

    def _stop_all(self) -> int:
        """End every host, also those nobody remembers; says how many ran."""
        inits = list(container_inits(self._base).values())
        vms = sum(bool(members(group)) for group in self._cgroups("vm*"))
        end(inits, within_s=_STOP_WITHIN_S, first=signal.SIGRTMIN + 4)  # systemd: power off
        for group in self._cgroups("*"):
            end(members(group), within_s=2)
        return len(inits) + vms

    def _cgroups(self, hosts: str) -> Iterator[Path]:
        return machine.cgroup_root().glob(f"adbray-{self._id}-{hosts}")

    def _remove_cgroups(self, pattern: str) -> None:
        # nspawn makes one in every hierarchy of a machine with cgroup v1.
        for root in {machine.cgroup_root(), *Path("/sys/fs/cgroup").glob("*/")}:
            for top in root.glob(pattern):
                for folder in sorted(top.rglob("*/"), key=lambda path: -len(path.parts)):
                    _rmdir(folder)
                _rmdir(top)

    def _find(self, name: str) -> tuple[LabPlan, LabHost]:
        plan = self.plan()
        if plan is None:
            hint = "`adbray lab up` makes one"
            raise LabError("there is no lab here", where=str(self._directory), hint=hint)
        for host in plan.hosts:
            if host.name == name:
                return plan, host
        names = (host.name for host in plan.hosts)
        raise UsageError(no_such("host", name, names, of="in this lab"))


def _status(plan: LabPlan, host: LabHost, pid: int | None) -> LabHostStatus:
    state = HostState.CUT if network.is_cut(plan, host) else HostState.RUNNING
    return LabHostStatus(
        name=host.name,
        address=host.address,
        kind=host.kind,
        state=HostState.STOPPED if pid is None else state,
        pid=pid,
    )


def _lock(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _rmdir(folder: Path) -> None:
    for _ in range(20):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)  # the last process of the cgroup is still on its way out
