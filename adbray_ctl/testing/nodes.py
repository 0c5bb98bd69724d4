"""Nodes of fake hosts: drained, stopped, held back, and started by an autoscaler."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from adbray_ctl.core.observed.status import SLOT_LABEL, living_nodes
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.testing.hosts import FakeHosts
from adbray_ctl.testing.journal import Journal


@dataclass
class FakeNodes:
    """Nodes. What is drained or stopped shows on ``hosts``.

    A node whose Ray id is in ``busy`` goes on when it is drained. ``killed`` has what was ended
    while Ray still ran there, as `group/slot`; ``held`` the slots that the gates refuse to start.
    """

    hosts: FakeHosts
    journal: Journal = field(default_factory=Journal)
    busy: frozenset[str] = frozenset()
    held: set[tuple[str, str, str]] = field(default_factory=set)
    killed: list[str] = field(default_factory=list)

    def drain(self, fleet: Fleet, head: str, record: SlotRecord, nodes: Sequence[str]) -> None:
        with self.journal.deed(f"drain {' '.join(nodes)}"):
            self.hosts.set_alive(record.group, set(nodes) - self.busy, alive=False)

    def stop(self, fleet: Fleet, units: Mapping[str, Sequence[str]]) -> None:
        names = " ".join(unit for found in units.values() for unit in found)
        with self.journal.deed(f"stop {names}"):
            for host, stopped in units.items():
                self._end(host, stopped)

    def boot(self, fleet: Fleet, host: str) -> None:
        with self.journal.deed(f"boot {host}"):
            running = self.hosts.observed.host(host).running()
            self._end(host, [one.unit for one in running if one.kind is SlotKind.WORKER])
            self.held = {one for one in self.held if one[2] != host}

    def hold(
        self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]], seconds: float
    ) -> None:
        assert seconds > 0, "it would end before it begins"
        with self.journal.deed(f"hold {group} {_names(slots)}"):
            self.held |= _at(group, slots)

    def release(self, fleet: Fleet, group: str, slots: Mapping[str, Sequence[str]]) -> None:
        with self.journal.deed(f"release {group} {_names(slots)}"):
            self.held -= _at(group, slots)

    def try_ray(self, fleet: Fleet, hosts: Sequence[str], venv: str, version: str) -> None:
        with self.journal.deed(f"try Ray {version} on {' '.join(hosts)}"):
            pass

    def start(self, group: str, slot: str, host: str) -> bool:
        """As the autoscaler does, through the gate of ``host``; False if that refuses."""
        if (group, slot, host) in self.held:
            return False
        record = self._record(group, slot, host)
        self.hosts.set_units(host, {record.unit}, "active")
        view = self.hosts.observed.ray(group)
        at = (slot, record.address)
        nodes = view.nodes if view else ()
        mine = {n.node_id for n in nodes if (n.labels.get(SLOT_LABEL), n.address) == at}
        self.hosts.set_alive(group, mine, alive=True)
        return True

    def _end(self, host: str, units: Collection[str]) -> None:
        for record in self.hosts.observed.host(host).running():
            if record.unit not in units:
                continue
            view = self.hosts.observed.ray(record.group)
            name = str(SlotKind.HEAD) if record.kind is SlotKind.HEAD else record.slot
            node = living_nodes(view.nodes if view else ()).get((name, record.address))
            if node is not None:
                self.killed.append(f"{record.group}/{record.slot}")
                self.hosts.set_alive(record.group, {node.node_id}, alive=False)
        self.hosts.set_units(host, units, "inactive")

    def _record(self, group: str, slot: str, host: str) -> SlotRecord:
        (found,) = (
            one.record
            for one in self.hosts.observed.host(host).slots
            if (one.record.group, one.record.slot) == (group, slot)
        )
        return found


def _names(slots: Mapping[str, Sequence[str]]) -> str:
    return " ".join(slot for found in slots.values() for slot in found)


def _at(group: str, slots: Mapping[str, Sequence[str]]) -> set[tuple[str, str, str]]:
    return {(group, slot, host) for host, found in slots.items() for slot in found}
