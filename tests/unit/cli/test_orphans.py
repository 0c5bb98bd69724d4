"""Which orphans `--remove` takes, which it asks about, and which it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.cli.render.orphans import print_report
from adbray_ctl.core.errors import HostError, RefusedError, UsageError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.orphans import Orphan, OrphanKind, OrphanReport
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.orphans import Found
from adbray_ctl.services.removal import chosen_of, is_agreed, require_whole, targets_of
from adbray_ctl.testing.console import FakeConsole
from adbray_ctl.testing.outside import Outside

URL = "redis://10.0.0.9:6379"


def orphan(kind: OrphanKind, name: str, place: str = "a", *, runs: bool = False) -> Orphan:
    return Orphan(kind=kind, name=name, place=place, what=("x",), runs=runs, remedy="r")


GROUP = (orphan(OrphanKind.GROUP, "old"), orphan(OrphanKind.GROUP, "old", "b", runs=True))
SHARED = orphan(OrphanKind.SHARED, "c", "c")
KEYS = orphan(OrphanKind.KEYS, "gone-00000001", URL)
LED = orphan(OrphanKind.KEYS, "led-00000001", URL, runs=True)
FLEET = Fleet.model_validate({"kind": "Fleet", "hosts": [{"name": "a", "address": "10.0.0.1"}]})
FOUND = Found(fleet=FLEET, observed=Observed(), report=OrphanReport(orphans=()), sources={})
ALL = (*GROUP, SHARED, orphan(OrphanKind.PROCESS, "77"), KEYS, LED)


def test_without_names_all_that_can_go_ischosen_of() -> None:
    assert chosen_of(ALL, ()) == (*GROUP, SHARED, KEYS)


def test_names_choose() -> None:
    assert chosen_of(ALL, ("old",)) == GROUP
    assert chosen_of(ALL, ("gone-00000001", "c")) == (SHARED, KEYS)
    with pytest.raises(UsageError, match="no orphan is called 'olf'") as error:
        chosen_of(ALL, ("olf",))
    assert error.value.hint == "did you mean 'old'?"


@pytest.mark.parametrize("name", ["77", "led-00000001"])
def test_what_cannot_go_is_refused_with_its_remedy(name: str) -> None:
    with pytest.raises(RefusedError) as error:
        chosen_of(ALL, ("old", name))
    assert error.value.hint == "r"


def test_a_group_goes_from_all_its_hosts_at_once() -> None:
    twice = (KEYS, KEYS.model_copy(update={"place": "redis://10.0.0.8:6379"}))
    targets = targets_of((*GROUP, SHARED, *twice))
    assert [(one.name, len(one.orphans)) for one in targets] == [
        ("old", 2),
        ("c", 1),
        ("gone-00000001", 1),
        ("gone-00000001", 1),
    ]
    assert targets[0].text == "group old on a, b (it runs; made by: unknown)"
    assert targets[1].text == "shared c on c"


@pytest.mark.parametrize(
    ("one", "flags", "agreed"),
    [
        (SHARED, {"yes"}, True),
        (KEYS, {"yes"}, False),
        (KEYS, {"force"}, True),
        (KEYS, set(), False),
        (KEYS.model_copy(update={"run": 4}), {"yes"}, True),
    ],
)
def test_yes_covers_what_was_made_here_and_force_the_rest(
    one: Orphan, flags: set[str], agreed: bool, tmp_path: Path
) -> None:
    (target,) = targets_of((one,))
    tools = Outside(wiring.project_files(tmp_path)).tools
    consent = Consent(yes="yes" in flags, force="force" in flags)
    assert is_agreed(tools, FOUND, target, consent, FakeConsole()) is agreed


def test_what_could_not_be_looked_at_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    report = OrphanReport(orphans=(KEYS,), problems=("b: no answer",), notes=("c: retired",))
    print_report(report)
    shown = capsys.readouterr().out
    assert "gone-00000001" in shown
    assert "next: r" in shown
    assert "! b: no answer" in shown
    assert "not looked at: c: retired" in shown
    with pytest.raises(HostError, match="b: no answer"):
        require_whole(report)
    require_whole(OrphanReport(orphans=ALL))
