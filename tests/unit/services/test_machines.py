"""What plans, removes or restores is refused while a machine counts twice or is not seen whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.adapters.specs.project import ProjectFiles
from adbray_ctl.core.backup import Backup, Secrets
from adbray_ctl.core.errors import HostError, SpecError
from adbray_ctl.core.observed.hosts import HostObservation, Observed, Unseen
from adbray_ctl.services import backup, destroy, plan, status
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.hosts import FakeHosts
from tests.unit.core.machine_facts import host
from tests.unit.services.two_hosts import FLEET, GROUP

BOTH = "a (fleet.yml:3) and b (fleet.yml:4) are one machine"
CUT = Unseen(what="/etc/adbray/g/w-0.json", why="it cannot be read", group="g", hint="put it back")


def restore(tools: Tools) -> None:
    found = Backup(
        made_at=1.0,
        group="demo",
        namespace="demo-1",
        ray="2.60.0",
        spec=GROUP,
        secrets=Secrets.model_construct(),
        entries=(),
    )
    files = tools.specs
    assert isinstance(files, ProjectFiles)
    backup.unpack(tools, files, found)


DO: dict[str, Callable[[Tools], object]] = {
    "plan": lambda tools: plan.prepare(tools, "demo"),
    "destroy": lambda tools: destroy.prepare(tools, "demo"),
    "restore": restore,
}


def tools_of(directory: Path, *hosts: HostObservation) -> Tools:
    (directory / "fleet.yml").write_text(FLEET)
    (directory / "groups").mkdir()
    (directory / "groups" / "demo.yml").write_text(GROUP)
    return replace(wiring.tools(directory), hosts=FakeHosts(Observed(hosts=hosts)))


@pytest.mark.parametrize("verb", DO)
def test_a_machine_under_two_names_is_refused(verb: str, tmp_path: Path) -> None:
    tools = tools_of(tmp_path, host("a", "m", "b"), host("b", "m", "b"))
    with pytest.raises(SpecError) as caught:
        DO[verb](tools)
    assert caught.value.what.startswith(BOTH)
    (one,) = status.status(tools, ("demo",))
    assert one.problems[0].startswith(BOTH)


@pytest.mark.parametrize("verb", ["plan", "restore"])
def test_a_host_that_is_not_seen_whole_is_refused(verb: str, tmp_path: Path) -> None:
    cut = host("b", "m2", "b2").model_copy(update={"unseen": (CUT,)})
    with pytest.raises(HostError) as caught:
        DO[verb](tools_of(tmp_path, host("a", "m1", "b1"), cut))
    assert (caught.value.where, caught.value.what, caught.value.hint) == ("b", CUT.text, CUT.hint)


def test_a_record_that_cannot_be_read_does_not_keep_a_group_from_being_removed(
    tmp_path: Path,
) -> None:
    cut = host("b", "m2", "b2").model_copy(update={"unseen": (CUT,), "groups": ("demo",)})
    removal = destroy.prepare(tools_of(tmp_path, host("a", "m1", "b1"), cut), "demo")
    assert removal.hosts == ("b",)


@pytest.mark.parametrize("verb", DO)
def test_a_silent_host_may_have_the_group(verb: str, tmp_path: Path) -> None:
    silent = HostObservation(host="b", error="no answer")
    with pytest.raises(HostError, match="no answer"):
        DO[verb](tools_of(tmp_path, host("a", "m1", "b1"), silent))
