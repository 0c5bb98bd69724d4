"""Instances that come with a package: a stand-in for systemctl, which enables and disables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host_script import load

MODULE = Path(__file__).parents[2] / "plugins" / "modules" / "managed_units.py"
UNIT = "prometheus.service"

# A unit is a file with its ActiveState and its UnitFileState.
SYSTEMCTL = """\
#!/bin/sh
verb=$1
shift
echo "$verb $*" >>{base}/done
case $verb in
show)
    shift 2
    for unit; do
        read -r active enabled <{base}/$unit || active=inactive enabled=
        printf 'Id=%s\\nActiveState=%s\\nUnitFileState=%s\\n\\n' "$unit" "$active" "$enabled"
    done 2>/dev/null ;;
stop) for unit; do sed -i s/^active/inactive/ {base}/$unit; done ;;
disable) for unit; do sed -i s/enabled/disabled/ {base}/$unit; done ;;
reset-failed) for unit; do sed -i s/^failed/inactive/ {base}/$unit; done ;;
esac
"""


class Host:
    """One whose units are in a directory, and what the module does to it."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base, self.units = base, base / "units"
        self.units.mkdir()
        (base / "systemctl").write_text(SYSTEMCTL.format(base=base))
        (base / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{base}:{os.environ['PATH']}")
        self.module: Any = load(MODULE)
        monkeypatch.setattr(self.module, "UNIT_DIR", str(self.units))

    def bar(self, *, check: bool = False) -> list[str]:
        return self._done(self.module.bar, [UNIT], check)

    def settle(self, pattern: str = UNIT, *, check: bool = False) -> list[str]:
        return self._done(self.module.settle, [pattern], check)

    def _done(self, function: Any, units: list[str], check: bool) -> list[str]:
        systemd = self.module.Systemd(check)
        function(systemd, units)
        return list(systemd.done)

    def ensure(self, state: str, *, check: bool = False) -> list[str]:
        systemd = self.module.Systemd(check)
        self.module.ensure(systemd, [{"name": UNIT, "state": state, "files": []}], set())
        return list(systemd.done)

    def has(self, state: str) -> None:
        (self.base / UNIT).write_text(f"{state}\n")

    @property
    def state(self) -> str:
        return (self.base / UNIT).read_text().strip()

    @property
    def starts_at_boot(self) -> bool:
        conditions = [path.read_text() for path in self.units.glob(f"{UNIT}.d/*.conf")]
        barred = any("ConditionPathExists=!/\n" in text for text in conditions)
        return self.state.endswith("enabled") and not barred


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


@pytest.mark.parametrize("pattern", [UNIT, "*"])
def test_what_a_run_brought_that_broke_off_is_off_then_and_for_good(
    host: Host, pattern: str
) -> None:
    assert host.bar() == [f"bar {UNIT}"]
    # The package comes, and nothing after it.
    host.has("inactive enabled")
    assert not host.starts_at_boot
    # The next run finds the program, so that it bars nothing.
    assert host.settle(pattern, check=True) == [f"disable {UNIT}", "daemon-reload"]
    assert host.state == "inactive enabled"
    assert host.settle(pattern) == [f"disable {UNIT}", "daemon-reload"]
    assert host.state == "inactive disabled"
    assert list(host.units.iterdir()) == []
    assert host.settle(pattern) == []


def test_a_run_that_broke_off_before_the_package_came_bars_once(host: Host) -> None:
    assert host.bar(check=True) == [f"bar {UNIT}"]
    assert list(host.units.iterdir()) == []
    assert host.bar() == [f"bar {UNIT}"]
    assert host.bar() == []


@pytest.mark.parametrize("state", ["active enabled", "inactive enabled", "active disabled"])
def test_an_instance_of_somebody_else_is_left_alone(host: Host, state: str) -> None:
    host.has(state)
    assert host.settle() == []
    assert host.state == state


def test_a_unit_of_that_name_that_runs_is_not_the_package_s(host: Host) -> None:
    host.has("active enabled")
    assert host.bar() == []
    assert host.settle() == []
    assert host.starts_at_boot


def test_drop_ins_of_somebody_else_stay(host: Host) -> None:
    folder = host.units / f"{UNIT}.d"
    folder.mkdir()
    (folder / "theirs.conf").write_text("[Service]\nNice=5\n")
    host.bar()
    host.has("inactive enabled")
    host.settle()
    assert [path.name for path in folder.iterdir()] == ["theirs.conf"]


def test_a_prepared_unit_that_failed_is_forgiven(host: Host) -> None:
    """It would be shown as failed until the autoscaler wants it, if ever."""
    host.has("failed disabled")
    assert host.ensure("prepared", check=True) == [f"reset-failed {UNIT}"]
    assert host.ensure("prepared") == [f"reset-failed {UNIT}"]
    assert host.ensure("prepared") == []
