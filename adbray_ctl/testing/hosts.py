"""Hosts in memory: what they answer, what they hold, and what becomes of their nodes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.gpus import BurnIn
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.orphans import Leftovers
from adbray_ctl.core.preflight.fixes import HostFixes, HostFixResults
from adbray_ctl.core.preflight.readings import HostAnswer
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.testing.journal import Journal


def _as_they_are(_: Sequence[str]) -> None:
    return


@dataclass
class FakeHosts:
    """HostAccess. Hosts that show ``observed``, and hold ``files`` by their path.

    ``asked`` has the hosts of each look, which come from ``before_look`` first: there a test lets
    something happen meanwhile. With ``unreadable`` no file of theirs can be read.
    """

    observed: Observed = field(default_factory=Observed)
    files: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[HostAnswer, ...] = ()
    burned: tuple[BurnIn, ...] = ()
    fixed: tuple[HostFixResults, ...] = ()
    unreadable: HostError | None = None
    journal: Journal = field(default_factory=Journal)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    before_look: Callable[[Sequence[str]], None] = _as_they_are

    def observe(self, fleet: Fleet, hosts: Sequence[str] | None = None) -> Observed:
        asked = tuple(host.name for host in fleet.hosts) if hosts is None else tuple(hosts)
        self.asked.append(asked)
        self.before_look(asked)
        return Observed(hosts=tuple(host for host in self.observed.hosts if host.host in asked))

    def read_hosts(self, fleet: Fleet) -> tuple[HostAnswer, ...]:
        return self.answers

    def burn_in(self, fleet: Fleet, hosts: Sequence[str], seconds: float) -> tuple[BurnIn, ...]:
        with self.journal.deed(f"burn in {' '.join(hosts)}"):
            return tuple(burned for burned in self.burned if burned.host in hosts)

    def fix_hosts(self, fleet: Fleet, wanted: Sequence[HostFixes]) -> tuple[HostFixResults, ...]:
        for one in wanted:
            with self.journal.deed(f"fix {' '.join(one.fixes)} on {one.host}"):
                pass
        return self.fixed

    def read_file(self, fleet: Fleet, host: str, path: str) -> bytes:
        if self.unreadable is not None:
            raise self.unreadable
        if path not in self.files:
            raise HostError(f"{path}: No such file or directory", where=host)
        return self.files[path].encode()

    def show(self, seen: HostObservation) -> None:
        """From now on a host answers this."""
        hosts = (seen if host.host == seen.host else host for host in self.observed.hosts)
        self.observed = Observed(hosts=tuple(hosts))

    def set_units(self, host: str, units: Collection[str], active: str) -> None:
        """These of its units are ``active`` or not."""
        seen = self.observed.host(host)
        sub = "running" if active == "active" else "dead"
        changed = (
            unit.model_copy(update={"active": active, "sub": sub}) if unit.unit in units else unit
            for unit in seen.units
        )
        self.show(seen.model_copy(update={"units": tuple(changed)}))

    def set_alive(self, group: str, nodes: Collection[str], *, alive: bool) -> None:
        """Ray, where it is asked, shows these node ids of ``group`` as alive or not."""
        for host in self.observed.hosts:
            views = []
            for view in host.ray:
                changed = (
                    node.model_copy(update={"alive": alive}) if node.node_id in nodes else node
                    for node in view.nodes
                )
                mine = {"nodes": tuple(changed)} if view.group == group else {}
                views.append(view.model_copy(update=mine))
            self.show(host.model_copy(update={"ray": tuple(views)}))


@dataclass
class FakeLeftovers:
    """LeftoverProbe. Hosts that are not in ``found`` have nothing beside their groups."""

    found: Iterable[Leftovers] = ()
    error: HostError | None = None

    def read(self, fleet: Fleet, hosts: Sequence[str]) -> tuple[Leftovers, ...]:
        if self.error is not None:
            raise self.error
        by_host = {one.host: one for one in self.found}
        return tuple(
            by_host.get(host, Leftovers(host=host, shared=(), strays=())) for host in hosts
        )
