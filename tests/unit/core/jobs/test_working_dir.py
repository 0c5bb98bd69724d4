"""Working directories and entrypoints."""

from __future__ import annotations

import pytest

from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.jobs.uploads import UploadRoom, check_room
from adbray_ctl.core.jobs.working_dir import DirectoryFile, check_working_dir, script_of

FILES = (DirectoryFile(path="main.py", size=10), DirectoryFile(path="pkg/run.py", size=10))


@pytest.mark.parametrize(
    ("entrypoint", "script"),
    [
        (["python", "main.py"], "main.py"),
        (["python3", "./main.py", "--x"], "main.py"),
        (["python main.py --x 'a b'"], "main.py"),
        (["env", "A=1", "/usr/bin/python3.11", "pkg/run.py"], "pkg/run.py"),
        (["python", "-m", "pkg.run"], None),
        (["python", "-c", "print(1)"], None),
        (["python", "/abs/main.py"], None),
        (["./run.sh"], None),
        (["python 'unbalanced"], None),
    ],
)
def test_script_of(entrypoint: list[str], script: str | None) -> None:
    assert script_of(entrypoint) == script


def test_script_must_be_there() -> None:
    check_working_dir("d", FILES, ["python", "pkg/run.py"])
    with pytest.raises(UsageError, match=r"(?s)'nosuch.py' is not in .* \(it has main.py\)"):
        check_working_dir("d", FILES, ["python", "nosuch.py"])


def test_too_large_names_the_largest() -> None:
    big = [DirectoryFile(path=f"data{n}.bin", size=n * 60 * 2**20) for n in range(1, 8)]
    with pytest.raises(UsageError) as caught:
        check_working_dir("d", big, ["./x"])
    text = str(caught.value)
    assert "1.6 GiB; Ray takes 99.0 MiB" in text
    assert "Largest: data7.bin (420.0 MiB), data6.bin (360.0 MiB)" in text
    assert "data1.bin" not in text


MIB = 2**20


def room_of(used: int, room: int) -> UploadRoom:
    return UploadRoom(
        limit=128 * MIB,
        share=104 * MIB,
        used=used * MIB,
        room=room * MIB,
        largest=40 * MIB,
        kept_s=60,
    )


def sized(mib: float) -> tuple[DirectoryFile, ...]:
    return (DirectoryFile(path="data.bin", size=int(mib * MIB)),)


def test_a_directory_that_fits_is_packed() -> None:
    check_room("d", sized(20), room_of(50, 21))


def test_one_that_does_not_fit_now_is_refused_with_what_to_do() -> None:
    with pytest.raises(ClusterError) as caught:
        check_room("d", sized(20), room_of(80, 9))
    text = str(caught.value)
    for said in (
        "holds 20.0 MiB",
        "room for 9.0 MiB",
        "80.0 MiB of 104.0 MiB",
        "60 s",
        "try again",
    ):
        assert said in text


def test_one_that_never_fits_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError) as caught:
        check_room("d", sized(50), room_of(0, 40))
    text = str(caught.value)
    for said in ("of 128 MiB, takes 40.0 MiB", "data.bin (50.0 MiB)", "redis.maxmemory_mb"):
        assert said in text


@pytest.mark.parametrize(("used", "says"), [(10, ""), (77, ""), (90, "90.0 MiB of 104.0 MiB")])
def test_a_store_that_is_nearly_full_is_shown(used: int, says: str) -> None:
    line = room_of(used, 5).line
    assert says in line
    assert bool(line) == bool(says)
