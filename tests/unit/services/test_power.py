"""Waking hosts: which commands run, and for how long each host is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.errors import HostError, UsageError
from adbray_ctl.core.events import Note, RunEvent
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.services.power import wake
from adbray_ctl.testing.outside import Outside

FLEET = """\
kind: Fleet
hosts:
  - {name: a, address: 10.0.0.1, power: {wake: [wol, "{address}"], timeout_s: 60}}
  - {name: b, address: 10.0.0.2, power: {wake: [wol, "{address}"], timeout_s: 20}}
  - {name: plain, address: 10.0.0.3}
  - {name: gone, address: 10.0.0.4, power: {wake: [wol, gone]}, retired: true}
"""
WAKE_A, WAKE_B = "power a: wol 10.0.0.1", "power b: wol 10.0.0.2"


class Sleeping(Outside):
    """Hosts that all sleep; each answers at its time, in seconds."""

    def __init__(self, directory: Path, **awake: float) -> None:
        (directory / "fleet.yml").write_text(FLEET)
        names = ("a", "b", "plain", "gone")
        asleep = (HostObservation(host=name, error="no answer") for name in names)
        super().__init__(wiring.project_files(directory), Observed(hosts=tuple(asleep)))
        self.awake = awake
        self.notes: list[str] = []
        self.hosts.before_look = self.look

    def look(self, _: Sequence[str]) -> None:
        for name, at in self.awake.items():
            if self.clock.at >= at:
                self.hosts.show(HostObservation(host=name))

    def report(self, event: RunEvent) -> None:
        assert isinstance(event, Note)
        self.notes.append(event.text)

    def wake(self, *names: str) -> None:
        wake(self.tools, names, self.report)


def test_what_sleeps_is_woken_and_waited_for(tmp_path: Path) -> None:
    outside = Sleeping(tmp_path, a=0, b=10)
    outside.wake("a", "b")
    assert outside.journal.lines == [WAKE_B]
    assert outside.notes == ["waking b", "b answers"]
    assert outside.clock.at == 10


def test_without_names_it_is_all_that_can_be_woken(tmp_path: Path) -> None:
    outside = Sleeping(tmp_path, a=4, b=4)
    outside.wake()
    assert outside.journal.lines == [WAKE_A, WAKE_B]
    assert all("gone" not in asked for asked in outside.hosts.asked)


def test_a_host_that_stays_away_ends_it_after_its_own_time(tmp_path: Path) -> None:
    outside = Sleeping(tmp_path, a=50)
    with pytest.raises(HostError, match="does not answer within 20 s") as caught:
        outside.wake()
    assert caught.value.where == "b"
    assert 20 < outside.clock.at <= 24


def test_a_command_that_fails_ends_it(tmp_path: Path) -> None:
    outside = Sleeping(tmp_path)
    outside.power.broken = frozenset({"a"})
    with pytest.raises(HostError) as caught:
        outside.wake("a", "b")
    assert caught.value.where == "a"
    assert outside.journal.lines == [WAKE_A]


@pytest.mark.parametrize(
    ("name", "what"), [("plain", "has no power driver"), ("nosuch", "no host 'nosuch'")]
)
def test_a_host_that_cannot_be_woken_is_a_mistake(tmp_path: Path, name: str, what: str) -> None:
    outside = Sleeping(tmp_path, a=0)
    with pytest.raises(UsageError, match=what):
        outside.wake("b", name)
    assert outside.journal.lines == [], "before anything is woken"
