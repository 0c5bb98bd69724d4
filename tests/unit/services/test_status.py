"""A group whose head is not seen: never applied, or on a host that gives no answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.drill import Fault
from adbray_ctl.core.errors import AdbrayError, ClusterError, UsageError
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.services import drill_target, lease, scaling
from adbray_ctl.services.status import addresses
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.hosts import FakeHosts

GROUP = """\
kind: RayCluster
name: demo
worker_groups: [{name: w, size: small}]
"""
FLEET = """\
kind: Fleet
hosts:
  - {name: a, address: 10.0.0.1}
  - {name: b, address: 10.0.0.2}
  - {name: gone, address: 10.0.0.3, retired: true}
"""
GONE = HostObservation(host="gone", error="no answer from gone")

ASK: dict[str, Callable[[Tools], object]] = {
    "addresses": lambda tools: addresses(tools, "demo"),
    "events": lambda tools: scaling.events(tools, "demo", 1),
    "unlock": lambda tools: lease.find(tools, "demo"),
    "drill": lambda tools: drill_target.prepare(tools, "demo", Fault.HEAD_PROCESS),
}


def refusal(
    directory: Path, asked: str, *hosts: HostObservation, error: type[AdbrayError] = ClusterError
) -> AdbrayError:
    (directory / "fleet.yml").write_text(FLEET)
    if error is ClusterError:
        (directory / "groups").mkdir()
        (directory / "groups" / "demo.yml").write_text(GROUP)
    tools = replace(wiring.tools(directory), hosts=FakeHosts(Observed(hosts=(*hosts, GONE))))
    with pytest.raises(error) as caught:
        ASK[asked](tools)
    return caught.value


@pytest.mark.parametrize("asked", ASK)
def test_a_silent_host_may_have_the_head(asked: str, tmp_path: Path) -> None:
    silent = HostObservation(host="b", error="no answer from b")
    error = refusal(tmp_path, asked, HostObservation(host="a"), silent)
    assert error.what == "no host that answers carries this group's head; b: no answer from b"
    assert error.hint == "bring the silent hosts back"


@pytest.mark.parametrize("asked", ASK)
def test_where_all_answer_the_group_is_not_applied(asked: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, asked, HostObservation(host="a"), HostObservation(host="b"))
    assert error.hint == "`adbray apply demo` makes it"


@pytest.mark.parametrize("asked", ASK)
def test_a_group_with_neither_file_nor_host_does_not_exist(asked: str, tmp_path: Path) -> None:
    hosts = (HostObservation(host="a"), HostObservation(host="b"))
    found = refusal(tmp_path, asked, *hosts, error=UsageError)
    assert found.what == "there is no group 'demo'; there are no groups"


@pytest.mark.parametrize("asked", ASK)
def test_a_group_that_lost_its_head_is_not_called_absent(asked: str, tmp_path: Path) -> None:
    found = refusal(tmp_path, asked, HostObservation(host="a", groups=("demo",)))
    assert found.what == "no host carries its head"
