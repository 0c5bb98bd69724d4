"""`adbray status`: its exit code, and `--watch`, which goes on whatever it sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.cli.app import run
from adbray_ctl.cli.commands.status import status
from adbray_ctl.cli.state import State
from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.scaling import EVENTS_FILE, ScalingEvent
from adbray_ctl.testing.clock import FakeClock
from adbray_ctl.testing.hosts import FakeHosts
from tests.unit.cli.head_and_worker import FLEET, GROUP
from tests.unit.cluster import applied, placed

STARTED = ScalingEvent(number=1, at=1, kind="start", text="started w-0").model_dump_json()


class Enough(Exception):
    """Somebody has seen enough."""


class Watching(FakeClock):
    """A clock until somebody has seen two looks."""

    looks = 0

    def sleep(self, seconds: float) -> None:
        self.looks += 1
        if self.looks == 2:
            raise Enough


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
    head = FakeHosts(
        Observed(hosts=hosts), {EVENTS_FILE.format(group="demo"): STARTED}, unreadable=error
    )
    vars(state)["tools"] = replace(tools, hosts=head, clock=Watching(5))
    status.main(args=["demo", "--watch"], obj=state, standalone_mode=False)


def test_events_stand_below(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Enough):
        watch(tmp_path)
    assert capsys.readouterr().out.count("started w-0") == 2


def test_it_shows_ports_and_addresses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Enough):
        watch(tmp_path)
    shown = " ".join(capsys.readouterr().out.split())
    assert "6379 8265 10001 20000-20199 " in shown
    assert "gcs 10.0.0.1:6379 serve http://10.0.0.1:19000 redis " in shown


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


A, B = HostObservation(host="a"), HostObservation(host="b")
AWAY = "no answer"


def exit_of(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    observed: Observed,
    *arguments: str,
    fleet: str = FLEET,
) -> int:
    """The exit code of a status that sees this."""
    (directory / "groups").mkdir(exist_ok=True)
    (directory / "fleet.yml").write_text(fleet)
    tools = replace(wiring.tools(directory), hosts=FakeHosts(observed))
    monkeypatch.setattr(wiring, "tools", lambda _: tools)
    return run(["-C", str(directory), "status", *arguments])


def standing(directory: Path, group: str = GROUP) -> Observed:
    (directory / "groups").mkdir(exist_ok=True)
    (directory / "fleet.yml").write_text(FLEET)
    (directory / "groups" / "demo.yml").write_text(group)
    specs = wiring.tools(directory).specs
    fleet = specs.fleet()
    spec = specs.group("demo", fleet)
    return applied(fleet, spec, placed(fleet, spec))


def without(observed: Observed, host: str) -> Observed:
    gone = HostObservation(host=host, error=AWAY)
    return Observed(hosts=tuple(gone if one.host == host else one for one in observed.hosts))


def test_what_is_not_seen_is_not_called_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = GROUP.replace("[b]", "[a]")
    assert exit_of(tmp_path, monkeypatch, without(standing(tmp_path, group), "b"), "demo") == 1
    assert capsys.readouterr().out.startswith(
        "group demo: not all of it is seen, 2 of 2 slots running on the hosts that answer\n"
    )


@pytest.mark.parametrize("arguments", [(), ("demo",), ("--json",), ("demo", "--json")], ids=str)
def test_a_ready_group_exits_0_and_another_1(
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = standing(tmp_path)
    assert exit_of(tmp_path, monkeypatch, seen, *arguments) == 0
    assert capsys.readouterr().err == ""
    headless = tuple(host.model_copy(update={"ray": ()}) for host in seen.hosts)
    assert exit_of(tmp_path, monkeypatch, Observed(hosts=headless), *arguments) == 1
    screen = capsys.readouterr()
    assert "error: group demo: not ready" in screen.err
    assert "w-0" in screen.out, "what is known is printed all the same"


def test_a_silent_host_counts_where_it_may_hold_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = standing(tmp_path)
    assert exit_of(tmp_path, monkeypatch, without(seen, "b"), "demo") == 1
    screen = capsys.readouterr()
    assert "a host that gives no answer may hold nodes of demo" in screen.err
    assert "b: no answer" in screen.out
    # Every node of the group is seen elsewhere.
    fleet = FLEET.replace("}]", "}, {name: c, address: 10.0.0.3}]")
    whole = Observed(hosts=(*seen.hosts, HostObservation(host="c", error=AWAY)))
    assert exit_of(tmp_path, monkeypatch, whole, "demo", fleet=fleet) == 0


def test_a_fleet_that_gives_no_answer_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = without(without(standing(tmp_path), "a"), "b")
    for arguments in ((), ("demo",), ("--json",)):
        assert exit_of(tmp_path, monkeypatch, nobody, *arguments) == 1
        assert "group demo: not seen" in capsys.readouterr().err


def test_a_group_that_is_not_applied_exits_1_and_no_group_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    standing(tmp_path)
    for arguments in ((), ("demo",)):
        assert exit_of(tmp_path, monkeypatch, Observed(hosts=(A, B)), *arguments) == 1
        assert "demo" in capsys.readouterr().err
    (tmp_path / "groups" / "demo.yml").unlink()
    assert exit_of(tmp_path, monkeypatch, Observed(hosts=(A, B))) == 0
    assert "no groups" in capsys.readouterr().out


def test_a_group_without_a_file_is_named_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = standing(tmp_path)
    (tmp_path / "groups" / "demo.yml").unlink()
    assert exit_of(tmp_path, monkeypatch, seen, "demo") == 0
    assert "groups/demo.yml does not exist" in capsys.readouterr().out
    assert exit_of(tmp_path, monkeypatch, Observed(hosts=(A, B)), "demo") == 2
    assert "there is no group 'demo'" in capsys.readouterr().err
