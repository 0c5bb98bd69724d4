"""Locks and leases, in memory and for real: one holder at a time, whoever it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh.lease import HostLease
from adbray_ctl.adapters.state.lock_file import LockFile
from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.protocols.hosts import Lease
from adbray_ctl.core.protocols.state import Lock
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.testing.runs import FakeLease, FakeLock
from tests.contract.ssh_server import hosts

# Leases are below /run, and of a group that no host has.
GROUP = f"no-group-{os.getpid()}"
FILE = Path(f"/run/adbray/{GROUP}.lease")
FLEET = Fleet.model_validate({"kind": "Fleet", "hosts": [{"name": "a", "address": "10.0.0.1"}]})


@pytest.fixture(params=["fake", "real"])
def lock(request: pytest.FixtureRequest, tmp_path: Path) -> Lock:
    return FakeLock() if request.param == "fake" else LockFile(tmp_path / "state" / "lock")


def test_a_lock_has_one_holder_at_a_time(lock: Lock) -> None:
    with lock.hold("apply demo"):
        with (
            pytest.raises(RefusedError, match=r"locked by .*apply demo"),
            lock.hold("destroy demo"),
        ):
            pass
        with pytest.raises(RefusedError, match="apply demo"), lock.hold("destroy demo"):
            pass
    with lock.hold("destroy demo"):
        pass


def test_a_lock_is_free_after_a_failure(lock: Lock) -> None:
    with pytest.raises(ValueError, match="x"), lock.hold("apply demo"):
        raise ValueError("x")
    with lock.hold("apply demo"):
        pass


@pytest.fixture(params=["fake", "real"])
def leases(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Fleet, Callable[[str], Lease]]]:
    """The leases of several control sides, by name, on the same host."""
    if request.param == "fake":
        holders: dict[tuple[str, str], tuple[str, str]] = {}
        yield FLEET, lambda name: FakeLease(project=name, holders=holders)
        return
    with hosts(tmp_path, ("a",)) as (fleet, _):
        access = SshHosts(KnownHosts(tmp_path / "known_hosts"))
        try:
            yield fleet, lambda name: HostLease(access, tmp_path / name)
        finally:
            FILE.unlink(missing_ok=True)


def test_a_lease_names_its_holder_while_it_is_held(
    leases: tuple[Fleet, Callable[[str], Lease]],
) -> None:
    fleet, of = leases
    here, there = of("here"), of("there")
    assert here.holder(fleet, "a", GROUP) is None
    with here.hold(fleet, "a", GROUP, "apply x"):
        for lease in (here, there):
            assert "apply x" in (lease.holder(fleet, "a", GROUP) or "")
        held = there.hold(fleet, "a", GROUP, "destroy x")
        with pytest.raises(RefusedError, match=r"is being changed by .*apply x"), held:
            pass
    assert there.holder(fleet, "a", GROUP) is None
    with there.hold(fleet, "a", GROUP, "destroy x"):
        assert "destroy x" in (here.holder(fleet, "a", GROUP) or "")


def test_a_lease_of_its_own_is_one_that_a_killed_run_left(
    leases: tuple[Fleet, Callable[[str], Lease]],
) -> None:
    fleet, of = leases
    with of("here").hold(fleet, "a", GROUP, "one"), of("here").hold(fleet, "a", GROUP, "two"):
        assert "two" in (of("there").holder(fleet, "a", GROUP) or "")


def test_a_lease_may_be_broken_and_taken_by_another(
    leases: tuple[Fleet, Callable[[str], Lease]],
) -> None:
    fleet, of = leases
    here, there = of("here"), of("there")
    with here.hold(fleet, "a", GROUP, "apply x"):
        there.break_(fleet, "a", GROUP)
        assert here.holder(fleet, "a", GROUP) is None
        with there.hold(fleet, "a", GROUP, "destroy x"):
            assert "destroy x" in (here.holder(fleet, "a", GROUP) or "")
    there.break_(fleet, "a", GROUP)
