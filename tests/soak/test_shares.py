"""On a kernel of its own: a worker that eats ends at its share, and its neighbour keeps its own.

The units, slices and disks are those that apply prepares. In the units runs a program that eats, in
place of Ray: on an emulated machine Ray takes minutes to start, and what holds it is the same.
"""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections.abc import Iterator
from typing import Self

import pytest

from tests.e2e.conftest import REPOSITORY, Project, lab_of
from tests.soak.figures import show
from tests.soak.plays import play

HOST, GROUP = "vm1", "shares"
# One core more than the VM has: the head's, which is never started.
FLEET = f"""\
kind: Fleet
ssh: {{identity_file: .adbray/lab/id_ed25519, connect_timeout_s: 60}}
hosts:
  - {{name: {HOST}, address: ADDRESS, capacity: {{cpus: 3}}}}
sizes:
  idle: {{cpus: 1, memory_gb: 0.5}}
  mini: {{cpus: 1, memory_gb: 1.125}}
limits:
  disk_gb: {{min: 1}}
  min_workers: 0
"""
SPEC = f"""\
kind: RayCluster
name: {GROUP}
redis: {{mode: none}}
head: {{size: idle, disk_gb: 1}}
worker_groups:
  - {{name: w, size: mini, disk_gb: 1, min_workers: 0, max_workers: 2}}
"""
EATER, NEIGHBOUR = "w-0", "w-1"
MEMORY_MIB = 1152
# Seconds of one bench round, of what is compared, and of asking whether the host can be reached:
# one after the other, for an emulated core spends half a second on a login.
ROUND_S, SPELL_S, REACH_S = 2, 30, 30
# A worker loses less than this to a neighbour, whatever that does.
LOSS = 0.10


class Machine:
    """The VM, and the two prepared slots on it."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def on(self, command: str) -> str:
        return self.project.on(HOST, command)

    def start(self, slot: str, what: str, seconds: float) -> None:
        """Start the slot's unit with a program of ours for its main process."""
        unit, disk = unit_of(slot), f"/var/lib/adbray/{GROUP}/{slot}"
        text = f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -I -S {disk}/eater.py"
        text += f" {what} {seconds} {disk}\nRestart=no\nSyslogIdentifier={slot}\n"
        folder = f"/etc/systemd/system/{unit}.d"
        self.on(f"mkdir -p {folder} && printf '%s' '{text}' >{folder}/eater.conf")
        self.on(f"systemctl daemon-reload && systemctl restart {unit}")

    def stop(self, slot: str) -> None:
        self.on(f"systemctl kill -s KILL {unit_of(slot)}; systemctl stop {unit_of(slot)}")

    def told(self, slot: str) -> list[str]:
        return self.on(f"journalctl -q -o cat -t {slot}").splitlines()

    def value(self, slot: str, file: str) -> str:
        """A file of the slot's cgroup."""
        return self.on(
            f"cat /sys/fs/cgroup/adbray.slice/adbray-{GROUP}.slice/{unit_of(slot)}/{file}"
        )

    def await_told(self, slot: str, pattern: str, within_s: float = 300) -> str:
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            for line in self.told(slot):
                if re.search(pattern, line):
                    return line
            time.sleep(2)
        raise AssertionError(f"{slot} did not tell {pattern}: {self.told(slot)[-5:]}")


def unit_of(slot: str) -> str:
    return f"adbray-worker@{GROUP}.{slot}.service"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A VM with two prepared slots, their disks and their slices; no head, and no Ray."""
    with lab_of(tmp_path_factory.mktemp("shares"), "--hosts", "0", "--vm", "1") as project:
        fleet = FLEET.replace("ADDRESS", project.addresses[HOST])
        (project.directory / "fleet.yml").write_text(fleet)
        project.write_group(GROUP, SPEC)
        project.ok("render", GROUP, "-o", str(project.directory / "inventory"))
        # Without Ray and its head.
        play(project.directory / "inventory", "host_base,worker_disk,ray_worker")
        machine = Machine(project)
        for slot in (EATER, NEIGHBOUR):
            text = (REPOSITORY / "tests" / "soak" / "eater.py").read_text()
            machine.on(f"cat >/var/lib/adbray/{GROUP}/{slot}/eater.py <<'EOF'\n{text}EOF\n")
        yield machine


class Reach:
    """How long the host takes to answer by SSH, asked anew every second meanwhile."""

    def __init__(self, project: Project) -> None:
        self.took: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(project,))

    def _ask(self, project: Project) -> None:
        while not self._done.wait(1):
            began = time.monotonic()
            assert project.try_on(HOST, "true", within_s=60).code == 0
            self.took.append(time.monotonic() - began)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def text(self) -> str:
        median, worst = statistics.median(self.took), max(self.took)
        return f"ssh median {median:.2f} s, worst {worst:.2f} s of {len(self.took)}"


def neighbours_share(machine: Machine, since: float) -> tuple[float, float]:
    """Medians of what the neighbour's bench got since then: part of a core, and loops a second."""
    rounds = [line.split()[1:] for line in machine.told(NEIGHBOUR) if line.startswith("bench ")]
    late = [(float(part), float(rate)) for at, part, rate in rounds if float(at) >= since + ROUND_S]
    return statistics.median(p for p, _ in late), statistics.median(r for _, r in late)


def spell(machine: Machine) -> tuple[float, float, str]:
    """What the neighbour gets in a while from now, and how the host answers then."""
    since = float(machine.on("date +%s"))
    time.sleep(SPELL_S)
    found = neighbours_share(machine, since)
    since = float(machine.on("date +%s"))
    with Reach(machine.project) as reach:
        time.sleep(REACH_S)
    beside = neighbours_share(machine, since)[0]
    return *found, f"{reach.text}, neighbour {beside:.3f} of a core beside these"


@pytest.fixture(scope="module")
def alone(machine: Machine) -> tuple[float, float, str]:
    """The neighbour's bench while the other slot is empty; it runs on from here."""
    machine.start(NEIGHBOUR, "bench", ROUND_S)
    machine.await_told(NEIGHBOUR, "^bench ")
    found = spell(machine)
    show(f"alone: neighbour {found[0]:.3f} of a core, {found[1]:.0f} loops/s; {found[2]}")
    return found


def compare(name: str, machine: Machine, alone: tuple[float, float, str]) -> None:
    share, rate, reach = spell(machine)
    show(f"{name}: neighbour {share:.3f} of a core, {rate:.0f} loops/s; {reach}")
    # The part of a core, in the VM's own time: loops depend on what else the real machine does.
    assert share > alone[0] * (1 - LOSS)


@pytest.mark.usefixtures("alone")  # a slice is there while something runs in it
def test_the_host_keeps_its_reserve(machine: Machine) -> None:
    total = int(machine.on("awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo"))
    bound = int(machine.on("cat /sys/fs/cgroup/adbray.slice/memory.max"))
    show(f"host {total} MiB, all slots together {bound >> 20} MiB")
    assert bound >> 20 == total - 1024
    assert machine.on("cat /sys/fs/cgroup/adbray.slice/cpu.weight") == "50"


def test_cpu(machine: Machine, alone: tuple[float, float, str]) -> None:
    machine.start(EATER, "cpu", 600)
    used, began = int(stat(machine, "usage_usec")), time.monotonic()
    compare("cpu", machine, alone)
    share = (int(stat(machine, "usage_usec")) - used) / 1e6 / (time.monotonic() - began)
    show(f"cpu: eight spinning processes got {share:.3f} of a core")
    assert share < 1.05
    # What the quota alone is worth: the same two, each on whichever core it likes.
    for slot in (EATER, NEIGHBOUR):
        machine.on(f"systemctl set-property --runtime {unit_of(slot)} AllowedCPUs='0 1'")
        assert machine.value(slot, "cpuset.cpus.effective") == "0-1"
    used, began = int(stat(machine, "usage_usec")), time.monotonic()
    unbound, rate, reach = spell(machine)
    show(f"cpu, by quota alone: neighbour {unbound:.3f} of a core, {rate:.0f} loops/s; {reach}")
    share = (int(stat(machine, "usage_usec")) - used) / 1e6 / (time.monotonic() - began)
    show(f"cpu, by quota alone: eight spinning processes got {share:.3f} of a core")
    assert share < 1.05
    machine.stop(EATER)
    machine.on(f"/usr/local/libexec/adbray/cores take {unit_of(NEIGHBOUR)} 1")


def stat(machine: Machine, key: str) -> str:
    lines = machine.value(EATER, "cpu.stat").splitlines()
    return next(line.split()[1] for line in lines if line.startswith(key))


def test_memory(machine: Machine, alone: tuple[float, float, str]) -> None:
    machine.start(EATER, "memory", 600)
    line = machine.await_told(EATER, "child ended by signal 9")
    held = [int(told.split()[1]) for told in machine.told(EATER) if told.startswith("holds ")]
    events = machine.value(EATER, "memory.events").split()
    show(f"memory: of {MEMORY_MIB} MiB it held {max(held)}; {line}; {' '.join(events)}")
    assert max(held) < MEMORY_MIB
    assert dict(zip(events[::2], events[1::2], strict=True))["oom_kill"] == "1"
    assert machine.on(f"systemctl is-active {unit_of(EATER)}") == "active"
    compare("memory", machine, alone)
    machine.stop(EATER)


def test_processes(machine: Machine, alone: tuple[float, float, str]) -> None:
    machine.start(EATER, "processes", 600)
    line = machine.await_told(EATER, "refused")
    here = machine.value(EATER, "pids.current"), machine.value(EATER, "pids.max")
    show(f"processes: {line}; {here[0]} of {here[1]}")
    assert int(here[0]) <= int(here[1]) == 2048 + 1024
    compare("processes", machine, alone)
    machine.stop(EATER)


def test_disk(machine: Machine, alone: tuple[float, float, str]) -> None:
    machine.start(EATER, "disk", 600)
    line = machine.await_told(EATER, "^wrote ")
    show(f"disk: of 1 GiB it {line}")
    assert re.search("No space left|quota exceeded", line)
    assert int(line.split()[1]) <= 1024
    machine.on(f"touch /var/lib/adbray/{GROUP}/{NEIGHBOUR}/spill/fits")
    compare("disk", machine, alone)
    machine.stop(EATER)


def test_a_slot_sees_its_own_bounds_and_no_others(machine: Machine) -> None:
    """Where Ray's monitor and its count of cores look: the root of the cgroups."""
    pid = machine.on(f"systemctl show -P MainPID {unit_of(NEIGHBOUR)}")
    root = f"/proc/{pid}/root/sys/fs/cgroup"
    assert machine.on(f"cat {root}/memory.max {root}/cpu.max").split() == [
        str(MEMORY_MIB << 20), "100000", "100000",
    ]  # fmt: skip
    assert machine.on(f"ls -d {root}/*.slice 2>/dev/null || true") == ""
    size = machine.on(f"nsenter -t {pid} -m stat -f -c '%b %S' /dev/shm").split()
    assert int(size[0]) * int(size[1]) == MEMORY_MIB << 19
