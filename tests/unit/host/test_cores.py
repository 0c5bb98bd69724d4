"""CPUs of slots' own: stand-ins for the kernel's files, and for systemctl, which writes there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbray_host import cores, layout
from tests.unit.host_modules import HostModules

SYSTEMCTL = """\
#!/bin/sh
# set-property --runtime UNIT AllowedCPUs=...
mkdir -p {base}/control/$3.d {slice}/$3
echo "${{4#AllowedCPUs=}}" | tr ' ' ',' >{slice}/$3/cpuset.cpus
"""


class Machine:
    """One with ``cpus``: of each its NUMA node, and its core's CPUs as the kernel lists them."""

    def __init__(self, patch: pytest.MonkeyPatch, base: Path, cpus: list[tuple[int, str]]) -> None:
        self.base, self.slice = base, base / "cgroup" / "adbray.slice" / "adbray-demo.slice"
        self.slice.mkdir(parents=True)
        (base / "cgroup" / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
        (base / "cgroup" / "cpuset.cpus.effective").write_text(f"0-{len(cpus) - 1}\n")
        for cpu, (node, siblings) in enumerate(cpus):
            folder = base / "cpu" / f"cpu{cpu}"
            (folder / "topology").mkdir(parents=True)
            (folder / f"node{node}").mkdir()
            (folder / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
        systemctl = base / "systemctl"
        systemctl.write_text(SYSTEMCTL.format(base=base, slice=self.slice))
        systemctl.chmod(0o755)
        script = HostModules(patch, cores, layout)
        script.RUN = str(base / "run")
        script.CGROUPS, script.CPUS = str(base / "cgroup"), str(base / "cpu")
        script.DROP_INS, script.SYSTEMCTL = str(base / "control"), str(systemctl)
        self.script = script

    def take(self, unit: str, count: int) -> set[int]:
        assert self.script.main(["take", f"{unit}.service", str(count)]) == 0
        return self.bound(unit)

    def end(self, unit: str) -> None:
        """As systemd does: what is to be done after it, then its cgroup goes."""
        assert self.script.main(["drop", f"{unit}.service"]) == 0
        shutil.rmtree(self.slice / f"{unit}.service")

    def bound(self, unit: str) -> set[int]:
        path = self.slice / f"{unit}.service" / "cpuset.cpus"
        found: set[int] = self.script.numbers(path.read_text()) if path.exists() else set()
        return found


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Four cores of one thread each."""
    return Machine(monkeypatch, tmp_path, [(0, str(cpu)) for cpu in range(4)])


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Two nodes of two cores of two threads; the second threads come after all the first ones."""
    return Machine(
        monkeypatch, tmp_path, [(cpu // 2 % 2, f"{cpu % 4},{cpu % 4 + 4}") for cpu in range(8)]
    )


def test_slots_have_cpus_of_their_own_and_the_first_one_comes_last(plain: Machine) -> None:
    assert plain.take("a", 1) == {1}
    assert plain.take("b", 2) == {2, 3}
    assert plain.take("c", 1) == {0}


def test_what_a_slot_had_is_free_when_it_has_ended(plain: Machine) -> None:
    plain.take("a", 2)
    plain.end("a")
    assert not (plain.base / "control" / "a.service.d").exists()
    assert plain.take("b", 2) == {1, 2}


def test_one_that_starts_again_need_not_drop_what_it_had(plain: Machine) -> None:
    plain.take("a", 3)
    assert plain.take("a", 3) == {1, 2, 3}


def test_too_few_left_are_told_and_bind_nothing(
    plain: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    plain.take("a", 3)
    assert plain.take("b", 2) == set()
    assert "no CPUs of its own" in capsys.readouterr().out


def test_a_slot_stays_on_one_node_and_on_the_fullest_that_has_room(large: Machine) -> None:
    assert large.take("a", 2) == {1, 5}, "of both, CPU 0's core is the last to go"
    assert large.take("b", 4) == {2, 3, 6, 7}
    assert large.take("c", 2) == {0, 4}


def test_a_slot_larger_than_a_node_takes_from_both(large: Machine) -> None:
    assert large.take("a", 6) == {1, 2, 3, 5, 6, 7}


def test_odd_numbers_share_a_core_among_them(large: Machine) -> None:
    assert large.take("a", 1) == {1}
    assert large.take("b", 1) == {5}
    assert large.take("c", 3) == {2, 3, 6}
    assert large.take("d", 1) == {7}


def test_without_the_controller_nothing_is_done(plain: Machine) -> None:
    (plain.base / "cgroup" / "cgroup.controllers").write_text("cpu memory\n")
    assert plain.take("a", 1) == set()


def test_other_words_are_told(plain: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["take", "a.service"], ["take", "a.service", "many"], ["drop"]):
        assert plain.script.main(words) == 2
    assert "usage: cores take UNIT COUNT" in capsys.readouterr().err


@settings(max_examples=30, deadline=None)  # it writes files
@given(threads=st.integers(1, 2), nodes=st.integers(1, 3), data=st.data())
def test_no_cpu_is_given_twice(
    tmp_path_factory: pytest.TempPathFactory, threads: int, nodes: int, data: st.DataObject
) -> None:
    total = 4 * nodes
    cpus = [
        (core // (4 // threads), ",".join(str(core * threads + one) for one in range(threads)))
        for core in range(total // threads)
        for _ in range(threads)
    ]
    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(patch, tmp_path_factory.mktemp("machine"), cpus)
        left, given_away = total, set[int]()
        for number, count in enumerate(data.draw(st.lists(st.integers(1, 6), max_size=6))):
            found = machine.take(f"s{number}", count)
            assert len(found) == (count if count <= left else 0)
            assert not found & given_away
            given_away |= found
            left -= len(found)
