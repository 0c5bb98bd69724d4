"""One directory's lab: hosts as systemd-nspawn containers over one base image."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from adbray_ctl.adapters.lab import image, machine, network
from adbray_ctl.adapters.lab.processes import container_inits, end, members
from adbray_ctl.adapters.lab.shell import mounts_below, read_text, run
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


class NspawnLab:
    """Lab. Everything it makes lies below ``<directory>/.adbray/lab`` or carries the lab's id."""

    def __init__(self, directory: Path, cache: Path) -> None:
        self._directory = directory
        self._base = directory / ".adbray" / "lab"
        self._cache = cache

    def plan(self) -> LabPlan | None:
        text = read_text(self._base / "lab.json")
        return LabPlan.model_validate_json(text) if text else None

    def status(self) -> LabStatus:
        plan = self.plan()
        hosts = plan.hosts if plan else ()
        return LabStatus(
            directory=str(self._directory),
            hosts=tuple(
                LabHostStatus(name=h.name, address=h.address, state=self._state(plan, h))
                for h in hosts
                if plan is not None
            ),
        )

    def up(self, count: int, report: Callable[[str], None]) -> LabPlan:
        machine.require_machine()
        before = self.plan()
        if before is not None:
            self._require_growth(before, count)
        root = image.base_image(self._cache, report)
        with image.locked(self._cache / "lab" / "lock"):
            # The subnet is free until the bridge stands, so the choice is made under the lock.
            plan = self._remember(before, count)
            machine.claim(plan.id)
            network.make_bridge(plan)
        self._make_key()
        started = [host for host in plan.hosts if not self._inits(host)]
        for host in started:
            self._prepare(plan, host, root)
            self._boot(plan, host)
        report(f"waiting for {len(started)} hosts")
        self._await_ready(started)
        return plan

    def down(self, report: Callable[[str], None]) -> None:
        plan = self.plan() or LabPlan(id=lab_id(str(self._directory)), subnet="0.0.0", count=0)
        self._stop_all()
        for point in mounts_below(self._base):
            run("umount", "-l", str(point))
        if self._base.exists():
            machine.detach_loops(self._base)
        network.detach_all(plan)
        self._remove_cgroups(plan)
        shutil.rmtree(self._base, ignore_errors=True)
        machine.release(plan.id)
        if plan.count:
            report(f"removed {plan.count} hosts")

    def cut(self, host: str) -> None:
        plan, found = self._find(host)
        network.set_link(plan, found, "down")

    def heal(self, host: str) -> None:
        plan, found = self._find(host)
        network.set_link(plan, found, "up")

    def kill(self, host: str) -> None:
        plan, found = self._find(host)
        # Only the container's own PID 1 ends everything inside; nspawn then leaves by itself.
        end(self._inits(found), within_s=0)
        end(members(self._cgroup(plan, found)), within_s=5)
        for point in mounts_below(self._folder(found)):
            run("umount", "-l", str(point))
        machine.detach_loops(self._folder(found))

    def start(self, host: str) -> None:
        plan, found = self._find(host)
        if self._inits(found):
            return
        network.detach(plan, found)
        self._remove_cgroups(plan, only=found)
        self._wire(plan, found, image.base_image(self._cache, lambda _: None))
        self._boot(plan, found)
        self._await_ready([found])

    def purge_cache(self) -> None:
        image.purge(self._cache)

    def _require_growth(self, before: LabPlan, count: int) -> None:
        broken = [h.name for h in self.status().hosts if h.state is not HostState.RUNNING]
        if broken or count < before.count:
            what = f"{', '.join(broken)} not running" if broken else f"{before.count} hosts run"
            raise RefusedError(
                f"a lab is here already: {what}",
                where=str(self._directory),
                hint="run `adbray lab down` first",
            )

    def _remember(self, before: LabPlan | None, count: int) -> LabPlan:
        subnet = before.subnet if before else network.free_subnet()
        plan = LabPlan(id=lab_id(str(self._directory)), subnet=subnet, count=count)
        self._base.mkdir(parents=True, exist_ok=True)
        temporary = self._base / "lab.json.tmp"
        temporary.write_text(plan.model_dump_json())
        temporary.replace(self._base / "lab.json")
        return plan

    def _make_key(self) -> None:
        key = self._base / "id_ed25519"
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "adbray-lab", "-f", str(key))

    def _prepare(self, plan: LabPlan, host: LabHost, root: Path) -> None:
        """The host's own files, laid over the base image before its first boot."""
        upper = self._folder(host) / "upper"
        (upper / "etc" / "ssh").mkdir(parents=True, exist_ok=True)
        (upper / "root").mkdir(mode=0o700, exist_ok=True)
        (upper / "root" / ".ssh").mkdir(mode=0o700, exist_ok=True)
        public = (self._base / "id_ed25519.pub").read_text()
        (upper / "root" / ".ssh" / "authorized_keys").write_text(public)
        (upper / "etc" / "hostname").write_text(f"{host.name}\n")
        (upper / "etc" / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
        names = "".join(f"{other.address} {other.name}\n" for other in plan.hosts)
        (upper / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        (upper / "etc" / "resolv.conf").write_text(read_text(Path("/etc/resolv.conf")))
        key = upper / "etc" / "ssh" / "ssh_host_ed25519_key"
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", str(key))
        self._wire(plan, host, root)

    def _wire(self, plan: LabPlan, host: LabHost, root: Path) -> None:
        folder = self._folder(host)
        for name in ("work", "root"):
            (folder / name).mkdir(exist_ok=True)
        layers = f"lowerdir={root},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        run("mount", "-t", "overlay", f"adbray-{host.name}", "-o", layers, str(folder / "root"))
        network.attach(plan, host)

    def _boot(self, plan: LabPlan, host: LabHost) -> None:
        folder, cgroup = self._folder(host), self._cgroup(plan, host)
        # A cgroup of its own: nspawn would else put every host's systemd into one shared tree.
        cgroup.mkdir(parents=True, exist_ok=True)
        name = network.namespace(plan, host)
        command = [
            *("systemd-nspawn", "--boot", f"--directory={folder / 'root'}", f"--machine={name}"),
            *(f"--network-namespace-path=/run/netns/{name}", "--capability=CAP_NET_ADMIN"),
            *("--register=no", "--keep-unit", "--resolv-conf=off", "--link-journal=no"),
            *machine.loop_binds(),
        ]
        environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with (folder / "console.log").open("ab") as log:
            # The shell enters the cgroup first, then becomes nspawn.
            script = f'echo $$ > {cgroup}/cgroup.procs; exec "$@"'
            subprocess.Popen(
                ["sh", "-c", script, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _await_ready(self, hosts: Sequence[LabHost]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        for host in hosts:
            while not _answers(host.address) or not self._settled(host):
                if time.monotonic() > deadline:
                    log = self._folder(host) / "console.log"
                    tail = read_text(log).strip().splitlines()[-1:]
                    raise LabError(
                        f"not up after {_READY_WITHIN_S:g} s{': ' + tail[0] if tail else ''}",
                        where=host.name,
                        hint=f"see {log}; `adbray lab down` cleans up",
                    )
                time.sleep(0.1)

    def _settled(self, host: LabHost) -> bool:
        """Booted to the end: /run/nologin goes when systemd lets users in."""
        inits = self._inits(host)
        return bool(inits) and not Path(f"/proc/{inits[0]}/root/run/nologin").exists()

    def _stop_all(self) -> None:
        inits = container_inits(self._base)
        end(inits, within_s=_STOP_WITHIN_S, first=signal.SIGRTMIN + 4)  # systemd: power off
        for cgroup in machine.cgroup_root().glob(f"adbray-{lab_id(str(self._directory))}-*"):
            end(members(cgroup), within_s=2)

    def _remove_cgroups(self, plan: LabPlan, only: LabHost | None = None) -> None:
        pattern = network.namespace(plan, only) if only else f"adbray-{plan.id}-*"
        roots = [machine.cgroup_root(), *Path("/sys/fs/cgroup").glob("*")]
        for root in roots:
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

    def _state(self, plan: LabPlan | None, host: LabHost) -> HostState:
        if plan is None or not self._inits(host):
            return HostState.STOPPED
        return HostState.CUT if network.is_cut(plan, host) else HostState.RUNNING

    def _inits(self, host: LabHost) -> list[int]:
        return container_inits(self._folder(host))

    def _cgroup(self, plan: LabPlan, host: LabHost) -> Path:
        return machine.cgroup_root() / network.namespace(plan, host)

    def _folder(self, host: LabHost) -> Path:
        return self._base / "hosts" / host.name


def _answers(address: str) -> bool:
    """Whether sshd greets."""
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            connection.settimeout(1)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _rmdir(folder: Path) -> None:
    for _ in range(20):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)  # the last process of the cgroup is still on its way out
