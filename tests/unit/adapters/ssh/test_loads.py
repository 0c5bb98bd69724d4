"""What is told of a host while it is listened to, and when it is no more."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.loads import SshLoads
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.loads import HostLoads
from adbray_ctl.core.spec.fleet import Fleet

FLEET = Fleet.model_validate({"kind": "Fleet", "hosts": [{"name": "a", "address": "10.0.0.1"}]})


class Hosts(SshHosts):
    """Hosts that tell one look and then nothing; for how long they are heard is kept."""

    def __init__(self) -> None:
        self.within_s: list[float | None] = []

    @contextmanager
    def lines_of(
        self, fleet: Fleet, host: str, command: str, *words: str, within_s: float | None = None
    ) -> Iterator[Iterator[str]]:
        self.within_s.append(within_s)

        def lines() -> Iterator[str]:
            yield json.dumps({"at": 5, "slots": []})
            raise HostError("it went silent", where=host)

        yield lines()


@pytest.mark.parametrize(("every_s", "within_s"), [(2, 30), (60, 180)])
def test_figures_of_a_host_that_went_silent_are_not_shown_any_more(
    every_s: float, within_s: float
) -> None:
    hosts = Hosts()
    with SshLoads(hosts).watch(FLEET, ["a"], None, every_s) as now:
        deadline = time.monotonic() + 60
        while not now()[0].error:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert now() == (HostLoads(host="a", error="it went silent"),)
    assert hosts.within_s == [within_s]
