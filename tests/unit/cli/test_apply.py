"""What has to be typed before something is lost."""

from __future__ import annotations

import io
import sys

import pytest

from adbray_ctl.cli.commands.apply import Consent, _ask
from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.unit.cluster import applied, placed, planned


class Terminal(io.StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        return True


def deleting() -> ChangePlan:
    """A plan that deletes a worker group that runs."""
    hosts = ({"name": "a", "address": "10.0.0.1"}, {"name": "b", "address": "10.0.0.2"})
    fleet = Fleet.model_validate({"kind": "Fleet", "hosts": hosts})
    workers = ({"name": "w", "size": "small"}, {"name": "x", "size": "small"})
    keys = {"kind": "RayCluster", "name": "demo"}
    before = RayClusterSpec.model_validate(keys | {"worker_groups": workers})
    after = RayClusterSpec.model_validate(keys | {"worker_groups": workers[:1]})
    return planned(fleet, after, applied(fleet, before, placed(fleet, before)))


@pytest.mark.parametrize(("production", "typed"), [(False, "y"), (True, "demo")])
def test_what_is_lost_is_agreed_to(
    monkeypatch: pytest.MonkeyPatch, typed: str, *, production: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    _ask(deleting(), Consent(), production=production)


@pytest.mark.parametrize(("production", "typed"), [(False, "n"), (True, "y")])
def test_what_is_lost_is_not_agreed_to(
    monkeypatch: pytest.MonkeyPatch, typed: str, *, production: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{typed}\n"))
    with pytest.raises(RefusedError, match="not confirmed"):
        _ask(deleting(), Consent(), production=production)


def test_force_covers_a_production_group_too() -> None:
    _ask(deleting(), Consent(yes=True, force=True), production=True)
    with pytest.raises(RefusedError, match="--yes does not cover"):
        _ask(deleting(), Consent(yes=True), production=True)
