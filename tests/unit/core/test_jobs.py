"""Working directories and entrypoints."""

from __future__ import annotations

import pytest

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.jobs import DirectoryFile, check_working_dir, script_of

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
    assert "1680.0 MiB; Ray takes 500.0 MiB" in text
    assert "Largest: data7.bin (420.0 MiB), data6.bin (360.0 MiB)" in text
    assert "data1.bin" not in text
