"""One directory's lab: hosts as systemd-nspawn containers over one base image."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adbray_ctl.adapters.lab import host as hosts
from adbray_ctl.adapters.lab import image, machine, network
from adbray_ctl.adapters.lab.processes import container_inits, end, members
from adbray_ctl.adapters.lab.shell import read_text, run
from adbray_ctl.core.errors import LabError, RefusedError
from adbray_ctl.core.lab import (
    HostState,
    LabHost,
    LabHostStatus,
    LabPlan,
    LabStatus,
    lab_id,
)

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 20.0
# A host that boots again may have services that wait for other hosts: sshd must do then.
_BOOTED = frozenset({"running", "degraded"})
_BOOTED_AGAIN = _BOOTED | {"starting"}
# They would end an overlay's option or path in mount(8).
_NOT_IN_PATHS = frozenset(',:\\"')


class NspawnLab:
    """Lab. Everything it makes lies below ``<directory>/.adbray/lab`` or carries the lab's id."""

    def __init__(self, directory: Path, cache: Path) -> None:
        self._directory = directory
        self._base = directory / ".adbray" / "lab"
        self._cache = cache
        self._id = lab_id(str(directory))

    def plan(self) -> LabPlan | None:
        text = read_text(self._base / "lab.json")
        return LabPlan.model_validate_json(text) if text else None

    def status(self) -> LabStatus:
        plan, inits = self.plan(), self._inits()
        found = []
        for host in plan.hosts if plan else ():
            assert plan is not None
            pid = inits.get(self._folder(host) / "upper")
            state = HostState.CUT if network.is_cut(plan, host) else HostState.RUNNING
            if pid is None:
                state = HostState.STOPPED
            found.append(LabHostStatus(name=host.name, address=host.address, state=state, pid=pid))
        return LabStatus(directory=str(self._directory), hosts=tuple(found))

    def up(self, count: int, report: Callable[[str], None]) -> LabPlan:
        machine.require_machine()
        self._require_plain_path()
        self._directory.mkdir(parents=True, exist_ok=True)
        with self._alone():
            before = self.plan()
            if before is not None:
                self._require_growth(before, count)
                if before.count == count:
                    report(f"the lab's {count} hosts are up already")
                    return before
            return self._make(before, count, report)

    def down(self, report: Callable[[str], None]) -> None:
        plan = self._known_plan()
        with self._alone():
            ended = self._stop_all()
            if self._base.exists():
                hosts.clear_mounts(self._base)
            network.detach_all(plan)
            self._remove_cgroups(f"adbray-{plan.id}-*")
            shutil.rmtree(self._base, ignore_errors=True)
            with machine.locked():
                machine.release(plan.id)
        count = max(plan.count, ended)
        report(f"removed {count} hosts" if count else "there was no lab here")

    def cut(self, host: str) -> None:
        plan, found = self._find(host)
        network.set_link(plan, found, "down")

    def heal(self, host: str) -> None:
        plan, found = self._find(host)
        network.set_link(plan, found, "up")

    def kill(self, host: str) -> None:
        plan, found = self._find(host)
        with self._alone():
            # Only the container's own PID 1 ends everything inside; nspawn then leaves by itself.
            end(list(self._inits(found).values()), within_s=0)
            end(members(hosts.cgroup(plan, found)), within_s=5)
            hosts.clear_mounts(self._folder(found))

    def start(self, host: str) -> None:
        plan, found = self._find(host)
        with self._alone():
            if self._inits(found):
                return
            hosts.clear(plan, found, self._folder(found))
            self._remove_cgroups(network.namespace(plan, found))
            self._boot(plan, found)
            self._await_ready([found], _BOOTED_AGAIN)

    def purge_cache(self) -> None:
        image.purge(self._cache)

    def _make(self, before: LabPlan | None, count: int, report: Callable[[str], None]) -> LabPlan:
        root = image.base_image(self._cache, report)
        with machine.locked():
            # The subnet is free until the bridge stands, so the choice is made under the lock.
            plan = self._remember(before, count)
            machine.claim(plan.id, self._directory)
            network.make_bridge(plan)
        if not (self._base / "image").is_symlink():
            (self._base / "image").symlink_to(root)
        public_key = self._key()
        started = plan.hosts[before.count if before else 0 :]
        self._forget_pins(started)
        for host in started:
            hosts.write_files(plan, host, self._folder(host), public_key)
            self._boot(plan, host)
        for host in plan.hosts[: -len(started)]:
            hosts.tell_names(plan, self._folder(host))
        report(f"waiting for {len(started)} hosts to boot")
        self._await_ready(started, _BOOTED)
        return plan

    def _require_plain_path(self) -> None:
        bad = sorted(_NOT_IN_PATHS & set(f"{self._base}{self._cache}"))
        if bad:
            raise LabError(
                f"the lab's disks cannot lie below a path with {' '.join(bad)}",
                where=str(self._directory),
                hint="choose another directory",
            )

    def _require_growth(self, before: LabPlan, count: int) -> None:
        found = self.status().hosts
        broken = [host.name for host in found if host.state is not HostState.RUNNING]
        if broken or count < before.count:
            what = f"{', '.join(broken)} not running" if broken else f"it has {before.count} hosts"
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

    def _remember(self, before: LabPlan | None, count: int) -> LabPlan:
        subnet = before.subnet if before else network.free_subnet(self._id)
        plan = LabPlan(id=self._id, subnet=subnet, count=count)
        self._base.mkdir(parents=True, exist_ok=True)
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

    def _key(self) -> str:
        """The public half of the key that opens every host; made once."""
        key = self._base / "id_ed25519"
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "adbray-lab", "-f", str(key))
        return key.with_suffix(".pub").read_text()

    def _forget_pins(self, started: Sequence[LabHost]) -> None:
        """New hosts have new keys; those pinned for hosts before them at the same addresses go."""
        pins = self._directory / ".adbray" / "known_hosts"
        if pins.exists():
            for host in started:
                run("ssh-keygen", "-q", "-R", host.address, "-f", str(pins))
            pins.with_name(f"{pins.name}.old").unlink(missing_ok=True)

    def _boot(self, plan: LabPlan, host: LabHost) -> None:
        # The image it was made on, also when a later version would make another by now.
        root = (self._base / "image").resolve(strict=True)
        hosts.mount_root(host, self._folder(host), root)
        network.attach(plan, host)
        hosts.boot(plan, host, self._folder(host))

    def _await_ready(self, started: Sequence[LabHost], booted: frozenset[str]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        for host in started:
            while not self._ready(host, booted):
                if time.monotonic() > deadline:
                    log = self._folder(host) / "console.log"
                    tail = "".join(read_text(log).strip().splitlines()[-1:])
                    raise LabError(
                        f"not up after {_READY_WITHIN_S:g} s{': ' + tail if tail else ''}",
                        where=host.name,
                        hint=f"see {log}; `adbray lab down` cleans up",
                    )
                time.sleep(0.1)

    def _ready(self, host: LabHost, booted: frozenset[str]) -> bool:
        if not hosts.answers(host):
            return False
        return any(hosts.system_state(pid) in booted for pid in self._inits(host).values())

    def _stop_all(self) -> int:
        """End every host, also those nobody remembers; says how many ran."""
        inits = list(self._inits().values())
        end(inits, within_s=_STOP_WITHIN_S, first=signal.SIGRTMIN + 4)  # systemd: power off
        for group in machine.cgroup_root().glob(f"adbray-{self._id}-*"):
            end(members(group), within_s=2)
        return len(inits)

    def _remove_cgroups(self, pattern: str) -> None:
        # nspawn makes one in every hierarchy of a machine with cgroup v1.
        for root in {machine.cgroup_root(), *Path("/sys/fs/cgroup").glob("*/")}:
            for top in root.glob(pattern):
                for folder in sorted(top.rglob("*/"), key=lambda path: -len(path.parts)):
                    _rmdir(folder)
                _rmdir(top)

    def _find(self, name: str) -> tuple[LabPlan, LabHost]:
        plan = self.plan()
        for host in plan.hosts if plan else ():
            if host.name == name and plan is not None:
                return plan, host
        raise LabError(
            f"there is no host {name!r} in this lab",
            where=str(self._directory),
            hint="`adbray lab status` names its hosts",
        )

    def _inits(self, host: LabHost | None = None) -> dict[Path, int]:
        return container_inits(self._folder(host) if host else self._base)

    def _folder(self, host: LabHost) -> Path:
        return self._base / "hosts" / host.name


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
