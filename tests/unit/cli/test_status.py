"""`adbray status --watch`: it goes on where somebody watches for what comes next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.cli.commands.status import status
from adbray_ctl.cli.state import State
from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.observed import HostObservation, Observed
from adbray_ctl.core.scaling_view import ScalingEvent
from adbray_ctl.core.spec_fleet import Fleet
from tests.unit.cluster import applied, placed
from tests.unit.services.test_orphans import Hosts
from tests.unit.services.test_usage import Clock

FLEET = "kind: Fleet\nhosts: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}]\n"
GROUP = """\
kind: RayCluster
name: demo
head: {size: small, hosts: {names: [a]}}
worker_groups: [{name: w, size: small, hosts: {names: [b]}}]
"""
STARTED = ScalingEvent(number=1, at=1, kind="start", text="started w-0").model_dump_json()


class Enough(Exception):
    """Somebody has seen enough."""


class Watching(Clock):
    """A clock until somebody has seen two looks."""

    looks = 0

    def sleep(self, seconds: float) -> None:
        self.looks += 1
        if self.looks == 2:
            raise Enough


@dataclass
class Head(Hosts):
    """Hosts whose head answers so when it is asked for its events."""

    error: HostError | None = None

    def read_file(self, fleet: Fleet, host: str, path: str) -> bytes:
        if self.error is not None:
            raise self.error
        if path.endswith(".old"):
            raise HostError("No such file or directory", where=host)
        return STARTED.encode()


def watch(directory: Path, error: HostError | None = None, *, silent: str = "") -> None:
    (directory / "groups").mkdir()
    (directory / "fleet.yml").write_text(FLEET)
    (directory / "groups" / "demo.yml").write_text(GROUP)
    tools = wiring.tools(directory)
    fleet = tools.specs.fleet()
    spec = tools.specs.group("demo", fleet)
    seen = applied(fleet, spec, placed(fleet, spec))
    gone = HostObservation(host=silent, error="no answer")
    hosts = tuple(gone if host.host == silent else host for host in seen.hosts)
    state = State(directory=directory)
    head = Head(Observed(hosts=hosts), error)
    vars(state)["tools"] = replace(tools, hosts=head, clock=Watching(5))
    status.main(args=["demo", "--watch"], obj=state, standalone_mode=False)


def test_events_stand_below(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Enough):
        watch(tmp_path)
    assert capsys.readouterr().out.count("started w-0") == 2


@pytest.mark.parametrize("what", ["No such file or directory", "no answer within 30 s"])
def test_it_goes_on_without_the_heads_events(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Enough):
        watch(tmp_path, HostError(what, where="a"))
    assert capsys.readouterr().out.count("w-0") == 2


def test_it_goes_on_while_the_heads_host_is_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Enough):
        watch(tmp_path, silent="a")
    assert capsys.readouterr().out.count("a: no answer") == 2


def test_a_changed_key_ends_it(tmp_path: Path) -> None:
    with pytest.raises(HostKeyError):
        watch(tmp_path, HostKeyError("another key", where="a"))
