"""systemctl's answers, by a stand-in, and the spelling of paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_host import systemd


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "systemctl"
    monkeypatch.setattr(systemd, "SYSTEMCTL", str(path))
    return path


def stand_in(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_each_unit_has_its_properties(systemctl: Path) -> None:
    answer = r"Id=%s\nActiveState=active\nNote=a=b\n\n"
    stand_in(systemctl, f"shift 3; for unit; do printf '{answer}' $unit; done")
    names = [f"u{number}.service" for number in range(1201)]
    found = systemd.show(names, ["ActiveState", "Note"])
    assert list(found) == names
    assert found["u7.service"] == {"Id": "u7.service", "ActiveState": "active", "Note": "a=b"}


@pytest.mark.usefixtures("systemctl")
def test_of_no_units_nothing_is_asked() -> None:
    assert systemd.show([], ["ActiveState"]) == {}


@pytest.mark.parametrize(
    ("body", "within_s", "why"),
    [
        ("exit 3", 60, "exit status 3"),
        ("echo no bus >&2; exit 1", 60, "no bus"),
        ("exec sleep 30", 1, "no answer within 1 s"),
        ("kill -9 $$", 60, "exit status -9"),
    ],
)
def test_no_answer_is_not_the_answer_that_nothing_runs(
    systemctl: Path, body: str, within_s: float, why: str
) -> None:
    stand_in(systemctl, body)
    with pytest.raises(systemd.SystemdError, match=why):
        systemd.show(["a.service"], ["ActiveState"], within_s=within_s)


@pytest.mark.usefixtures("systemctl")
def test_a_systemctl_that_is_not_there() -> None:
    with pytest.raises(systemd.SystemdError, match="No such file"):
        systemd.show(["a.service"], ["ActiveState"])


# As systemd-escape --path prints them.
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "-"),
        ("/var/lib/adbray/d-x/w-0", r"var-lib-adbray-d\x2dx-w\x2d0"),
        ("/my disk//ä/", r"my\x20disk-\xc3\xa4"),
        ("/.slots/a_b:c.d", r"\x2eslots-a_b:c.d"),
    ],
)
def test_paths_as_systemd_spells_them(path: str, name: str) -> None:
    assert systemd.escape(path) == name
    if path != "/":
        assert systemd.unescape(name) == "/".join(part for part in path.split("/") if part)
