"""A boot into a driver: what is drained, when the host counts as back, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.events import Note
from adbray_ctl.core.observed import HostFacts, HostObservation, Observed
from adbray_ctl.core.plan import Step
from adbray_ctl.core.ports import Scope
from adbray_ctl.services.boot import boot_for_driver
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools
from tests.unit.core.test_plan_boots import FACTS

WHY = "driver 535.1 is loaded and 550.1 is installed"
STEP = Step(
    title="boot c", members=(), hosts=("c",), boot=WHY, first=("host_base", "gpu"), roles=("gpu",)
)


def answering(boot: str, reboot: str = "") -> HostObservation:
    facts = HostFacts.model_validate(FACTS | {"boot": boot, "gpu": {"reboot": reboot}})
    return HostObservation(host="c", facts=facts)


SILENT = HostObservation(host="c", error="no answer")


class Outside:
    """One host, whose answers are given in order, the last for good; and what was done to it."""

    def __init__(self, *answers: HostObservation) -> None:
        self.answers = list(answers)
        self.done: list[Any] = []
        self.time = 0.0

    def observe(self, _: Any, hosts: Sequence[str] | None = None) -> Observed:
        first = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Observed(hosts=(first,))

    def boot(self, _: Any, host: str) -> None:
        self.done.append(f"boot {host}")

    def hold(self, _: Any, group: str, slots: Mapping[str, Sequence[str]], __: float) -> None:
        self.done.append(f"hold {group} {dict(slots)}")

    def release(self, _: Any, group: str, slots: Mapping[str, Sequence[str]]) -> None:
        self.done.append(f"release {group} {dict(slots)}")

    def run(self, playbook: str, _: Any, __: Any, scope: Scope) -> None:
        self.done.append((playbook, scope.hosts, scope.roles, scope.nodes))

    def path(self, group: str) -> str:
        return group

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def carry_out(outside: Outside) -> list[str]:
    tools = SimpleNamespace(
        hosts=outside, nodes=outside, runner=outside, clock=outside, inventories=outside
    )
    prepared = SimpleNamespace(
        fleet=None,
        spec=SimpleNamespace(name="demo", drain_timeout_s=1),
        observed=Observed(hosts=(HostObservation(host="c"),)),
    )
    told: list[str] = []
    boot_for_driver(
        cast(Tools, tools),
        cast(Prepared, prepared),
        STEP,
        lambda event: told.append(event.text) if isinstance(event, Note) else None,
    )
    return told


INSTALL = ("site", ("c",), ("host_base", "gpu"), ())


def test_a_host_is_back_when_it_answers_from_another_boot() -> None:
    outside = Outside(
        answering("1", WHY), answering("1", WHY), SILENT, SILENT, answering("2"), answering("2")
    )
    assert carry_out(outside) == ["booting c", "c is back after 8 s"]
    assert outside.done == [INSTALL, "boot c"]


def test_a_host_that_need_not_boot_does_not() -> None:
    outside = Outside(answering("1"))
    assert carry_out(outside) == ["c need not boot"]
    assert outside.done == [INSTALL]


def test_a_host_that_stays_away_ends_the_run() -> None:
    outside = Outside(answering("1", WHY), SILENT)
    with pytest.raises(HostError, match="does not come back within 1200 s: no answer"):
        carry_out(outside)


def test_a_host_that_never_goes_down_is_told_so() -> None:
    with pytest.raises(HostError, match="it has not gone down"):
        carry_out(Outside(answering("1", WHY)))


def test_a_boot_that_was_in_vain_is_not_taken_for_success() -> None:
    outside = Outside(answering("1", WHY), answering("2", WHY))
    with pytest.raises(HostError, match="would have to again: driver 535"):
        carry_out(outside)
