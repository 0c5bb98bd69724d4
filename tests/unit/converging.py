"""A group on three fake hosts that become what a playbook is run for."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl import wiring
from adbray_ctl.core.errors import RunError
from adbray_ctl.core.events import RunEvent
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.ray import RayView
from adbray_ctl.services.apply import AfterCanary, Options, apply
from adbray_ctl.services.edits import touches
from adbray_ctl.services.history import planned, recorded
from adbray_ctl.services.plan import Prepared, prepare
from adbray_ctl.testing.outside import Outside
from tests.unit.cluster import NAMESPACE, applied, placed
from tests.unit.core.gpu_hosts import FACTS

FLEET = """\
kind: Fleet
sizes: {tiny: {cpus: 1, memory_gb: 1}}
hosts:
  - {name: a, address: 10.0.0.1}
  - {name: b, address: 10.0.0.2}
  - {name: c, address: 10.0.0.3}
"""
GROUP = """\
kind: RayCluster
name: demo
drain_timeout_s: 5
head: {size: tiny, hosts: {names: [a]}}
redis: {hosts: {names: [a]}}
worker_groups:
  - {name: w, size: tiny, min_workers: 3, max_workers: 3, hosts: {names: [b]}, env: {X: "1"}}
  - {name: x, size: tiny, min_workers: 2, max_workers: 2, hosts: {names: [c]}, env: {X: "1"}}
"""
# Each worker restarts, one at a time in its worker group.
CHANGED = GROUP.replace('X: "1"', 'X: "2"')
DISK = {"point": "/", "device": "8:1", "kind": "ext4", "free_gb": 900, "total_gb": 999}
ROOMY = HostFacts.model_validate(FACTS | {"file_systems": (DISK,)})


def roomy(observed: Observed) -> Observed:
    """The hosts, each with room for all."""
    hosts = (host.model_copy(update={"facts": ROOMY}) for host in observed.hosts)
    return Observed(hosts=tuple(hosts))


class Cluster(Outside):
    """The group on its hosts, as its file was before; what runs there becomes what is wanted."""

    def __init__(
        self, directory: Path, *, text: str = GROUP, fleet: str = FLEET, stands: bool = True
    ) -> None:
        (directory / "groups").mkdir()
        (directory / "fleet.yml").write_text(fleet)
        self.file = directory / "groups" / "demo.yml"
        self.file.write_text(text)
        self.project = wiring.project_files(directory)
        super().__init__(self.project)
        bare = Observed(hosts=tuple(HostObservation(host=name) for name in "abc"))
        self.hosts.observed = roomy(self._wanted() if stands else bare)
        self.journal.after = self.converge
        self.secrets.create("demo")
        self.events: list[RunEvent] = []

    def converge(self, line: str) -> None:
        """What a run of the playbook leaves on its hosts."""
        if line == "run delete":
            self.hosts.observed = roomy(
                Observed(hosts=tuple(HostObservation(host=name) for name in "abc"))
            )
        elif line.startswith("run site"):
            scope = self.runner.scopes[-1]
            assert scope is not None
            wanted = self._wanted()
            for name in scope.hosts:
                self._converge(wanted.host(name), scope.nodes)
            self._join(wanted, scope.nodes)

    def prepare(self, *, canary: int = 0) -> Prepared:
        return prepare(self.tools, "demo", canary=canary, namespace=NAMESPACE)

    def change(
        self,
        *,
        text: str = CHANGED,
        canary: int = 0,
        keep_going: bool = False,
        after_canary: AfterCanary = lambda _: False,
    ) -> None:
        """Plan the change of the group's file to ``text``, and carry it out on record."""
        self.file.write_text(text)
        prepared = self.prepare(canary=canary)
        options = Options(keep_going=keep_going, after_canary=after_canary)
        with recorded(self.tools, planned(prepared, "apply"), self.events.append) as report:
            apply(self.tools, prepared, report, options)

    def breaks(self, *nodes: str) -> None:
        """The playbook fails for each of these workers."""
        hosts = {"w": "b", "x": "c"}
        for node in nodes:
            host = hosts[node[0]]
            line = f"run site worker_disk ray_worker on {host} for {node}"
            self.journal.failures[line] = RunError(f"task X failed for {node}", where=host)

    @property
    def touched(self) -> bool:
        """Whether the changes of this test came to a node."""
        return any(touches(event) for event in self.events)

    @property
    def changed(self) -> list[str]:
        """The nodes of each run of the playbook, in order."""
        return [" ".join(scope.nodes) for scope in self.runner.scopes if scope]

    def states(self, number: int) -> dict[str, str]:
        """How each node of a recorded run came out of it."""
        return {one.node: one.state for one in self.history.run(number).nodes}

    def _wanted(self) -> Observed:
        fleet = self.specs.fleet()
        spec = self.specs.group("demo", fleet)
        return applied(fleet, spec, placed(fleet, spec))

    def _converge(self, goal: HostObservation, nodes: tuple[str, ...]) -> None:
        done = [slot for slot in goal.slots if slot.record.slot in nodes]
        seen = self.hosts.observed.host(goal.host)
        slots = {one.record.slot: one for one in (*seen.slots, *done)}
        own = {slot.record.unit for slot in done}
        units = {one.unit: one for one in seen.units}
        units |= {one.unit: one for one in goal.units if one.unit in own}
        changes = {"slots": tuple(slots.values()), "units": tuple(units.values())}
        self.hosts.show(seen.model_copy(update=changes | {"groups": goal.groups}))

    def _join(self, wanted: Observed, nodes: tuple[str, ...]) -> None:
        """Ray shows ``nodes`` on the head's host."""
        goal, head = wanted.ray("demo"), self.hosts.observed.host("a")
        view = self.hosts.observed.ray("demo") or RayView(group="demo")
        known = {node.node_id: node for node in view.nodes}
        names = {f"id-{node}" for node in nodes}
        known |= {one.node_id: one for one in (goal.nodes if goal else ()) if one.node_id in names}
        joined = view.model_copy(update={"nodes": tuple(known.values())})
        self.hosts.show(head.model_copy(update={"ray": (joined,)}))
