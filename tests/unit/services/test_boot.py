"""A boot into a driver: what is kept and drained, when the host counts as back, what ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.hosts import HostFacts
from tests.unit.services.booting import ALL, BACK, INSTALL, NEW, OLD, WHY, Booting, answering, boot


def test_all_workers_of_the_host_are_kept_until_the_step_s_own_are_back(tmp_path: Path) -> None:
    outside = Booting(tmp_path, OLD, NEW)
    boot(outside)
    assert outside.done == [
        "hold demo g-0",
        *ALL,
        "drain demo/g-0",
        "drain other/g-0",
        INSTALL,
        *ALL,
        "boot c",
        *ALL,
        BACK,
        "release demo g-0 g-1",
        "release other g-0 g-1",
        "release demo g-0",
    ]
    assert (outside.nodes.held, outside.nodes.killed) == (set(), [])


@pytest.mark.parametrize("group", ["demo", "other"])
@pytest.mark.parametrize("deed", ["drain demo/g-0", INSTALL, "hold other g-0 g-1", BACK])
def test_an_autoscaler_starts_no_prepared_worker_meanwhile(
    tmp_path: Path, group: str, deed: str
) -> None:
    outside = Booting(tmp_path, OLD, NEW)
    tried: list[bool] = []

    def meanwhile(done: str) -> None:
        if done == deed:
            tried.append(outside.nodes.start(group, "g-1", "c"))

    outside.journal.after = meanwhile
    boot(outside)
    assert set(tried) == {False}


@pytest.mark.parametrize("group", ["demo", "other"])
@pytest.mark.parametrize(
    ("deed", "soon"), [(ALL[0], INSTALL), (INSTALL, "boot c"), ("boot c", BACK)]
)
def test_what_starts_where_nothing_is_kept_is_drained(
    tmp_path: Path, group: str, deed: str, soon: str
) -> None:
    """It was not kept yet, that has run out as the driver was built, or the boot has ended it."""
    outside = Booting(tmp_path, OLD, NEW)

    def meanwhile(done: str) -> None:
        if done == deed:
            outside.nodes.held.clear()
            outside.nodes.start(group, "g-1", "c")

    outside.journal.after = meanwhile
    boot(outside)
    drains = (done for done in outside.done if done.startswith("drain "))
    drained = outside.done.index(next(done for done in drains if f"{group}/g-1" in done))
    assert outside.done.index(deed) < drained < outside.done.index(soon)
    assert outside.nodes.killed == []


def reported_of_boot(outside: Booting) -> list[str]:
    """Without what is reported of drains."""
    return [text for text in boot(outside) if text.startswith(("c ", "booting"))]


def test_a_host_is_back_when_it_answers_from_another_boot(tmp_path: Path) -> None:
    outside = Booting(tmp_path, OLD, OLD, None, None, NEW)
    assert reported_of_boot(outside) == ["booting c", "c is back after 8 s"]
    assert outside.done.count("boot c") == 1


def test_a_host_that_need_not_boot_does_not(tmp_path: Path) -> None:
    outside = Booting(tmp_path, answering("1"))
    assert reported_of_boot(outside) == ["c need not boot"]
    assert "boot c" not in outside.done
    assert outside.done[-4:-2] == [BACK, "release demo g-0 g-1"]


def test_a_host_that_stays_away_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="does not come back within 1200 s: no answer"):
        boot(Booting(tmp_path, OLD, None))


def test_a_host_that_never_goes_down_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="it has not gone down"):
        boot(Booting(tmp_path, OLD, OLD))


def test_a_host_that_gives_no_answer_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    outside = Booting(tmp_path, OLD, NEW, None)
    with pytest.raises(HostError, match="no answer"):
        boot(outside)
    assert BACK not in outside.done


def test_a_boot_that_was_in_vain_is_not_taken_for_success(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="would have to again: driver 535"):
        boot(Booting(tmp_path, OLD, answering("2", reboot=WHY)))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (answering("1", driver="470.1"), NEW, "installed, and still driver 470.1 is loaded"),
        (answering("1", nouveau=True), NEW, "installed, and still nouveau is loaded"),
        (OLD, answering("2", driver="470.1"), "it has booted, and still driver 470.1 is loaded"),
    ],
)
def test_another_driver_than_is_wanted_is_no_success(
    tmp_path: Path, before: HostFacts, after: HostFacts, said: str
) -> None:
    """Or the next plan would ask for the same boot, and so for ever."""
    outside = Booting(tmp_path, before, after)
    with pytest.raises(HostError, match=said):
        boot(outside)
    assert BACK not in outside.done
