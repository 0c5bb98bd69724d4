"""What a host writes down of its heads and workers: real files, a stand-in for systemctl alone."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from pathlib import Path

import pytest

from adbray_ctl.core.usage.usage import iso, kept_since
from tests import host_command
from tests.unit.usage_host import UsageHost

T = 1_790_000_000  # 2026-09-21T13:33:20Z
MONTH = "2026-09.jsonl"


@pytest.fixture
def host(tmp_path: Path) -> UsageHost:
    found = UsageHost(tmp_path / "a")
    found.record("w-0", "c.large", 4, 100, worker_group="w")
    found.record("w-1", "c.large", 4, 100, worker_group="w")
    return found


def test_start_and_stop_make_a_line(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    assert host.spans(now=T + 30) == [("w-0", T, T + 30)], "it runs"
    host.stop("w-0", T + 90)
    assert json.loads((host.data / MONTH).read_text()) == {
        "group": "demo",
        "slot": "w-0",
        "worker_group": "w",
        "size": "c.large",
        "cpus": 4,
        "disk_gb": 100,
        "cards": 0,
        "slices": 1,
        "gpu_model": "",
        "id": "one",
        "start": T,
        "end": T + 90,
    }
    assert not list((host.data / "open").iterdir())
    assert host.spans(now=T + 1000) == [("w-0", T, T + 90)]


def test_each_start_is_its_own(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    host.stop("w-0", T + 10)
    host.start("w-0", "two", T + 11)
    host.stop("w-0", T + 20)
    assert host.spans(now=T + 99) == [("w-0", T, T + 10), ("w-0", T + 11, T + 20)]


def test_a_loss_of_power_ends_it_when_it_was_last_seen(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    host.start("w-1", "uno", T)
    host.tick(T + 60)
    host.tick(T + 120)
    host.power_off()
    assert host.spans(now=T + 500)[0] == ("w-0", T, T + 120), "before the host has looked"
    host.start("w-0", "two", T + 600)
    host.tick(T + 630)
    assert host.spans(now=T + 700) == [
        *(("w-0", T, T + 120), ("w-1", T, T + 120)),
        ("w-0", T + 600, T + 700),
    ]
    assert len((host.data / MONTH).read_text().splitlines()) == 2


def test_what_began_unseen_is_opened_from_when_it_began(host: UsageHost) -> None:
    # As after an upgrade of adbray, or when the start's own call failed.
    host.runs("w-0", "one", T)
    host.tick(T + 50)
    host.tick(T + 110)
    assert host.spans(now=T + 120) == [("w-0", T, T + 120)]
    host.stop("w-0", T + 130)
    host.tick(T + 170)
    assert host.spans(now=T + 200) == [("w-0", T, T + 130)]


def test_a_stop_that_failed_is_made_good(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    host.tick(T + 60)
    host.ends("w-0")
    host.tick(T + 120)
    assert host.spans(now=T + 200) == [("w-0", T, T + 60)]


def test_a_stop_ends_only_its_own_start(host: UsageHost) -> None:
    host.start("w-0", "two", T)
    host.script.stop("demo", "w-1", "one", T + 5, T + 5)
    assert host.spans(now=T + 10) == [("w-0", T, T + 10)]


def test_a_disk_that_grows_is_billed_from_then(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    host.tick(T + 60)
    host.record("w-0", "c.large", 4, 150, worker_group="w")
    host.written_at("w-0", T + 75)
    host.tick(T + 120)
    host.tick(T + 180)
    told = [(one.start, one.end, one.disk_gb) for one in host.read(T + 200).lifetimes]
    assert told == [(T, T + 75, 100), (T + 75, T + 200, 150)]


def test_a_disk_that_grew_before_it_was_seen_to_start_is_billed_once_and_whole(
    host: UsageHost,
) -> None:
    host.start("w-0", "one", T + 0.2)
    host.record("w-0", "c.large", 4, 150, worker_group="w")
    # In the second of its start; or earlier, by a clock that was put back in between.
    host.written_at("w-0", T + 0.7)
    host.tick(T + 60)
    told = [(one.start, one.end, one.disk_gb) for one in host.read(T + 200).lifetimes]
    assert told == [(T, T + 200, 150)]
    assert host.months() == [], "no part of it has ended"


def test_a_disk_that_grew_without_room_to_say_so_is_parted_later(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    host.record("w-0", "c.large", 4, 150, worker_group="w")
    host.written_at("w-0", T + 30)
    blocked = host.data / "open" / ".new"
    blocked.mkdir()
    with pytest.raises(IsADirectoryError):
        host.tick(T + 60)
    blocked.rmdir()
    host.tick(T + 120)
    told = {(one.id, one.start, one.end, one.disk_gb) for one in host.read(T + 200).lifetimes}
    assert told == {("one", T, T + 30, 100), ("one", T + 30, T + 200, 150)}


# Without a battery for its clock; with a clock that tells local time.
WRONG_CLOCKS = pytest.mark.parametrize(
    "ahead", [-7.5 * 365 * 86400, 8 * 3600], ids=("behind", "ahead")
)


@WRONG_CLOCKS
def test_a_clock_that_is_put_right_moves_the_start(host: UsageHost, ahead: float) -> None:
    host.ahead = ahead
    host.start("w-0", "one", T)
    host.tick(T + 30)
    host.ahead = 0
    host.tick(T + 90)
    assert host.spans(now=T + 100) == [("w-0", T, T + 100)]
    host.tick(T + 150)
    host.stop("w-0", T + 160)
    assert host.spans(now=T + 999) == [("w-0", T, T + 160)]
    assert host.months() == [MONTH]


@WRONG_CLOCKS
def test_a_clock_that_is_put_right_before_the_end_is_enough(host: UsageHost, ahead: float) -> None:
    host.ahead = ahead
    host.start("w-0", "one", T)
    host.ahead = 0
    host.stop("w-0", T + 40)
    assert host.spans(now=T + 99) == [("w-0", T, T + 40)]


@WRONG_CLOCKS
def test_a_clock_that_is_put_right_moves_a_start_that_was_not_seen(
    host: UsageHost, ahead: float
) -> None:
    host.ahead = ahead
    host.runs("w-0", "one", T)
    host.tick(T + 30)
    host.ahead = 0
    host.tick(T + 90)
    assert host.spans(now=T + 100) == [("w-0", T, T + 100)]


@WRONG_CLOCKS
def test_a_clock_that_is_put_right_moves_the_part_since_a_disk_grew(
    host: UsageHost, ahead: float
) -> None:
    host.ahead = ahead
    host.start("w-0", "one", T)
    host.record("w-0", "c.large", 4, 150, worker_group="w")
    host.written_at("w-0", T + 20 + ahead)
    host.tick(T + 30)
    host.ahead = 0
    host.tick(T + 90)
    told = [(one.start, one.end, one.disk_gb) for one in host.read(T + 100).lifetimes]
    assert told == [(T + ahead, T + 20 + ahead, 100), (T + 20, T + 100, 150)]


def test_a_clock_that_is_a_little_off_moves_no_start(host: UsageHost) -> None:
    host.ahead = 30
    host.start("w-0", "one", T)
    host.ahead = 0
    host.tick(T + 60)
    assert host.spans(now=T + 99) == [("w-0", T + 30, T + 99)]


def test_a_host_that_slept_began_no_later(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    host.tick(T + 60)
    host.asleep = 7200
    host.tick(T + 8000)
    assert host.spans(now=T + 8010) == [("w-0", T, T + 8010)]


def test_what_an_older_script_opened_is_left_as_it_is(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    path = host.data / "open" / "demo.w-0.json"
    span = json.loads(path.read_text())
    del span["up"]
    path.write_text(json.dumps(span))
    host.ahead = 3600
    host.tick(T + 60)
    assert host.spans(now=T + 3700) == [("w-0", T, T + 3700)]


def test_a_line_that_was_cut_short_costs_no_other(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    host.stop("w-0", T + 10)
    with (host.data / MONTH).open("a") as file:
        file.write('{"group": "demo", "slot": "w-')
    host.start("w-0", "two", T + 20)
    host.stop("w-0", T + 30)
    assert host.spans(now=T + 99) == [("w-0", T, T + 10), ("w-0", T + 20, T + 30)]


def test_an_open_file_that_was_cut_short_is_made_anew(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    (host.data / "open" / "demo.w-0.json").write_text("")
    assert host.spans(now=T + 10) == []
    host.tick(T + 60)
    assert host.spans(now=T + 90) == [("w-0", T, T + 90)]


def test_without_room_the_end_is_kept_until_there_is(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    host.ends("w-0")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(OSError, match=r"File too large|No space left"):
            host.script.stop("demo", "w-0", "one", T + 45, T + 45)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert host.spans(now=T + 50) == [("w-0", T, T + 45)]
    host.tick(T + 60)
    assert host.spans(now=T + 99) == [("w-0", T, T + 45)]
    assert not list((host.data / "open").iterdir())


def test_what_is_told_twice_has_one_id_and_start(host: UsageHost) -> None:
    host.start("w-0", "one", T)
    path = host.data / "open" / "demo.w-0.json"
    kept = path.read_text()
    host.stop("w-0", T + 30)
    # The power went between the line and the removal of the file.
    path.write_text(kept)
    os.utime(path, (T + 20, T + 20))
    first, second = host.read(T + 40).lifetimes
    assert (first.id, first.start) == (second.id, second.start)
    assert first.end == T + 30, "the line comes first"


def test_slices_of_a_card_are_told_with_its_model(host: UsageHost) -> None:
    host.card("0000:01:00.0", "NVIDIA T4")
    host.card("0000:41:00.0", "NVIDIA H100 80GB HBM3")
    host.record("g-0", "m.large", 4, 50, worker_group="g", gpu={"cards": [1], "slices": 3})
    host.start("g-0", "one", T)
    (told,) = host.read(T + 9).lifetimes
    assert (told.gpu_model, told.cards, told.unit) == ("NVIDIA H100 80GB HBM3", 1, "1/3")


def test_a_standby_has_its_name_from_its_record(host: UsageHost) -> None:
    host.record("standby-0", "small", 1, 30)
    host.start("head", "one", T)
    (told,) = host.read(T + 9).lifetimes
    assert (told.slot, told.kin) == ("standby-0", "standby")


def written(host: UsageHost, first: int, end: int) -> list[str]:
    """Files of months, counted from January 2025 on."""
    host.data.mkdir(exist_ok=True)
    names = [f"{2025 + month // 12}-{month % 12 + 1:02d}.jsonl" for month in range(first, end)]
    for name in names:
        (host.data / name).write_text("")
    return names


def test_old_months_go_and_reports_know_which(host: UsageHost) -> None:
    names = written(host, 0, 21)
    assert names[-1] == MONTH
    host.tick(T)
    assert host.months() == names[7:]
    assert f"{iso(kept_since(T))[:7]}.jsonl" == names[7] == "2025-08.jsonl"


def test_a_clock_far_ahead_costs_no_month(host: UsageHost) -> None:
    names = written(host, 7, 21)
    host.tick(T + 20 * 365 * 86400)
    assert host.months() == names
    # What ended under such a clock has a month of its own.
    (host.data / "2046-09.jsonl").write_text("")
    host.tick(T)
    assert host.months() == [*names, "2046-09.jsonl"]


def test_reading_leaves_out_what_ended_before_and_other_groups(host: UsageHost) -> None:
    host.start("w-0", "one", T - 40 * 86400)
    host.stop("w-0", T - 39 * 86400)
    host.start("w-0", "two", T)
    host.stop("w-0", T + 10)
    host.start("w-1", "uno", T)
    assert host.months() == ["2026-08.jsonl", MONTH]
    assert len(host.read(T + 20, since=T - 40 * 86400).lifetimes) == 3
    assert [one.slot for one in host.read(T + 20, since=T).lifetimes] == ["w-0", "w-1"]
    assert [one.slot for one in host.read(T + 20, since=T + 10).lifetimes] == ["w-1"]
    assert host.read(T + 20, group="other").lifetimes == ()


def test_a_host_that_never_wrote_tells_nothing(tmp_path: Path) -> None:
    host = UsageHost(tmp_path / "new")
    assert host.spans(now=T) == []
    host.tick(T)
    assert host.spans(now=T) == []


def test_units_and_timer_call_it_with_words(
    host: UsageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOCATION_ID", "one")
    before = os.umask(0o022)
    try:
        assert host.script.main(["start", "demo", "w-0"]) == 0
        host.runs("w-0", "one", time.monotonic())
        assert host.script.main(["tick"]) == 0
        (line,) = host.spans(now=time.time() + 60)
        assert host.script.main(["stop", "demo", "w-0"]) == 0
    finally:
        os.umask(before)
    assert line[2] - line[1] == pytest.approx(60, abs=20), "it ran, by the clock of the host"
    ((slot, start, end),) = host.spans(now=time.time() + 60)
    assert (slot, start) == line[:2]
    assert end - start < 60, "it has ended"
    written = host.data / host.months()[0]
    assert written.stat().st_mode & 0o777 == 0o600


def test_wrong_words_are_refused() -> None:
    command = host_command.command({}, "usage", "start", "demo")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: usage start GROUP NAME" in done.stderr
