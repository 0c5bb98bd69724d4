"""Units of a host whose systemctl is a stand-in: what comes with packages, and what restarts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host_script import load

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "plugins" / "modules" / "managed_units.py"
SHARED = "ansible_collections.adbray.ray.plugins.module_utils.adbray_host"
UNIT = "prometheus.service"

# A unit is a file with its ActiveState, its UnitFileState and how often it was started.
SYSTEMCTL = """\
#!/bin/sh
verb=$1
shift
echo "$verb $*" >>{base}/done
case $verb in
show)
    shift 2
    for unit; do
        read -r active enabled starts <{base}/$unit || active=inactive enabled= starts=
        printf 'Id=%s\\nActiveState=%s\\nUnitFileState=%s\\n' "$unit" "$active" "$enabled"
        printf 'FragmentPath=/x\\nInvocationID=%s\\n\\n' "$starts"
    done 2>/dev/null ;;
start|restart)
    for unit; do
        [ ! -e {base}/$unit.broken ] || {{ echo "$unit broke" >&2; exit 1; }}
        read -r active enabled starts <{base}/$unit
        echo "active $enabled $((starts + 1))" >{base}/$unit
    done ;;
stop) for unit; do [ ! -e {base}/$unit ] || sed -i s/^active/inactive/ {base}/$unit; done ;;
disable) for unit; do [ ! -e {base}/$unit ] || sed -i s/enabled/disabled/ {base}/$unit; done ;;
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
        monkeypatch.syspath_prepend(ROOT)
        monkeypatch.setattr(f"{SHARED}.systemd.SYSTEMCTL", str(base / "systemctl"))
        self.module: Any = load(MODULE)

    def bar(self, *, check: bool = False) -> list[str]:
        return self._done(self.module.bar, [UNIT], check)

    def settle(self, pattern: str = UNIT, *, check: bool = False) -> list[str]:
        return self._done(self.module.settle, [pattern], check)

    def _done(self, function: Any, units: list[str], check: bool) -> list[str]:
        systemd = self.module.Systemd(check, str(self.units))
        function(systemd, units)
        return list(systemd.done)

    @property
    def started(self) -> Any:
        return self.module.Started(str(self.base / "digests"))

    def ensure(
        self,
        state: str,
        *,
        check: bool = False,
        units: Iterable[str] = (UNIT,),
        record: Path | None = None,
        files: Iterable[Path] = (),
        changed: Iterable[Path] = (),
    ) -> list[str]:
        systemd = self.module.Systemd(check, str(self.units))
        wanted = [
            {
                "name": unit,
                "state": state,
                "record": str(record) if record else None,
                "files": [str(path) for path in files],
            }
            for unit in units
        ]
        try:
            self.module.ensure(systemd, self.started, wanted, [], {str(path) for path in changed})
        except self.module.UnitError:
            systemd.done.append("failed")
        return [one for one in systemd.done if one != "daemon-reload"]

    def write(self, path: Path, text: str) -> Path:
        """As managed_files does."""
        self.started.replacing(str(path))
        path.write_text(text)
        return path

    def has(self, state: str, unit: str = UNIT) -> None:
        (self.base / unit).write_text(f"{state}\n")

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


def test_systemd_reads_files_once_after_all_links_and_before_any_start(host: Host) -> None:
    host.bar()
    host.has("active enabled")
    (host.units / "ours.service").touch()
    ours: dict[str, Any] = {"name": "ours.service", "state": "started", "record": None, "files": []}
    nothing: dict[str, list[str]] = {
        option: [] for option in ("absent", "stopped", "barred", "slices", "changed_paths")
    }
    asked = {**nothing, "settled": [UNIT], "units": [{**ours, "answers_at": ""}]}
    systemd = host.module.Systemd(False, str(host.units))
    assert host.module.converge(systemd, host.started, asked) == ["ours.service"]
    calls = (host.base / "done").read_text().splitlines()
    assert [call.strip() for call in calls if not call.startswith("show ")] == [
        f"stop {UNIT}",
        f"disable --no-reload {UNIT}",
        "enable --no-reload ours.service",
        "daemon-reload",
        "start ours.service",
    ]


def test_systemd_reads_files_once_where_units_go_too(host: Host) -> None:
    for unit in ("gone.service", UNIT):
        (host.units / unit).touch()
    host.has("active enabled")
    systemd = host.module.Systemd(False, str(host.units))
    wanted: list[dict[str, Any]] = [{"name": UNIT, "state": "started", "record": None, "files": []}]
    host.module.remove(systemd, host.started, ["gone.service"], {UNIT})
    host.module.ensure(systemd, host.started, wanted, [], {str(host.units / UNIT)})
    assert systemd.done.count("daemon-reload") == 1


@pytest.mark.parametrize("pattern", [UNIT, "*"])
def test_what_a_run_brought_that_broke_off_is_off_then_and_for_good(
    host: Host, pattern: str
) -> None:
    assert host.bar() == [f"bar {UNIT}"]
    # The package comes, and nothing after it.
    host.has("inactive enabled")
    assert not host.starts_at_boot
    # The next run finds the program, so that it bars nothing.
    assert host.settle(pattern, check=True) == [f"disable {UNIT}"]
    assert host.state == "inactive enabled"
    assert host.settle(pattern) == [f"disable {UNIT}"]
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


@pytest.fixture
def unit(host: Host) -> Path:
    """The file of a unit that runs, started by a version of adbray that kept no digests."""
    host.has("active enabled 1")
    path = host.units / UNIT
    path.write_text("# Once\n[Service]\nExecStart=/bin/a\n")
    return path


@pytest.fixture
def conf(host: Host) -> Path:
    path = host.base / "conf"
    path.write_text("a")
    return path


RESTART = [f"restart {UNIT}"]


def test_a_unit_restarts_when_what_it_was_started_with_has_changed(
    host: Host, unit: Path, conf: Path
) -> None:
    assert host.ensure("started", files=[conf]) == []
    host.write(conf, "b")
    assert host.ensure("started", files=[conf], changed=[conf]) == RESTART
    assert host.ensure("started", files=[conf]) == []
    host.write(unit, "[Service]\nExecStart=/bin/b\n")
    assert host.ensure("started", files=[conf], changed=[unit]) == RESTART
    conf.unlink()
    assert host.ensure("started", files=[conf], changed=[conf]) == RESTART
    assert host.ensure("started", files=[conf]) == []


def test_a_touch_restarts_nothing(host: Host, unit: Path, conf: Path) -> None:
    for _ in range(2):
        assert host.ensure("started", files=[conf]) == []
        for path in (unit, conf):
            os.utime(path, (2**32, 2**32))
        assert host.ensure("started", files=[conf]) == []


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.usefixtures("unit")
def test_a_run_that_broke_off_before_the_restart_is_completed_by_the_next(
    host: Host, conf: Path, *, kept: bool
) -> None:
    """Whatever the clock says, and also where no digests were kept before."""
    if kept:
        host.ensure("started", files=[conf])
    host.write(conf, "b")
    os.utime(conf, (0, 0))
    assert host.ensure("started", files=[conf]) == RESTART
    assert host.ensure("started", files=[conf]) == []


@pytest.mark.usefixtures("unit")
def test_what_an_older_adbray_started_runs_on(host: Host, conf: Path) -> None:
    assert host.ensure("started", files=[conf]) == []
    assert host.state == "active enabled 1"


def test_what_an_older_adbray_started_runs_on_when_only_comments_change(
    host: Host, unit: Path
) -> None:
    host.write(unit, "[Service]\n; Now\n\nExecStart=/bin/a\n")
    assert host.ensure("started", changed=[unit]) == []
    host.write(unit, "[Service]\nExecStart=/bin/b\n")
    assert host.ensure("started", changed=[unit]) == RESTART


@pytest.mark.parametrize(("revision", "done"), [("r1", []), ("r2", RESTART)])
@pytest.mark.parametrize("kept", [True, False])
def test_of_a_slot_the_revision_decides_and_not_the_shape_of_its_unit(
    host: Host, unit: Path, *, revision: str, done: list[str], kept: bool
) -> None:
    record = host.base / "w-0.json"
    record.write_text(json.dumps({"revision": "r1", "files": {str(unit): "1"}}))
    if kept:
        assert host.ensure("started", record=record) == []
    host.write(unit, "[Service]\nExecStart=/bin/b\n")
    host.write(record, json.dumps({"revision": revision, "files": {str(unit): "2"}}))
    assert host.ensure("started", record=record, changed=[unit, record]) == done
    assert host.ensure("started", record=record) == []


@pytest.mark.usefixtures("unit")
def test_what_no_digest_shows_restarts_what_it_is_said_to_change(host: Host, conf: Path) -> None:
    """A program that a package replaced, say."""
    assert host.ensure("started", files=[conf], changed=[conf]) == RESTART


@pytest.mark.usefixtures("unit")
def test_a_check_run_foresees_a_restart_and_keeps_nothing(host: Host, conf: Path) -> None:
    host.ensure("started", files=[conf])
    assert host.ensure("started", files=[conf], changed=[conf], check=True) == RESTART
    assert host.ensure("started", files=[conf]) == []


def test_a_prepared_unit_restarts_if_it_was_started_before_the_change(
    host: Host, conf: Path
) -> None:
    """The autoscaler starts it in between."""
    host.has("inactive disabled 0")
    host.write(host.units / UNIT, "[Service]\n")
    assert host.ensure("prepared", files=[conf], changed=[conf]) == []
    host.has("active disabled 1")
    assert host.ensure("prepared", files=[conf]) == []
    host.write(conf, "b")
    assert host.ensure("prepared", files=[conf]) == RESTART


@pytest.mark.usefixtures("unit")
def test_only_units_that_did_not_restart_are_restarted_again(host: Host, conf: Path) -> None:
    both, other = (UNIT, "other.service"), host.units / "other.service"
    other.write_text("[Service]\n")
    host.has("active enabled 1", "other.service")
    assert host.ensure("started", units=both, files=[conf]) == []
    host.write(conf, "b")
    broken = host.base / "other.service.broken"
    broken.touch()
    failed = [f"restart {UNIT} other.service", "failed"]
    assert host.ensure("started", units=both, files=[conf]) == failed
    broken.unlink()
    assert host.ensure("started", units=both, files=[conf]) == ["restart other.service"]
    assert host.ensure("started", units=both, files=[conf]) == []


@pytest.mark.usefixtures("unit")
def test_digests_go_with_the_last_unit(host: Host, conf: Path) -> None:
    host.write(conf, "b")
    host.ensure("started", files=[conf])
    assert list((host.base / "digests").iterdir())
    systemd = host.module.Systemd(check_mode=False, folder=str(host.units))
    host.module.remove(systemd, host.started, [UNIT], set())
    assert not (host.base / "digests").exists()


def test_digests_of_what_a_template_made_go_with_it(host: Host) -> None:
    (host.units / "mps@.service").touch()
    assert host.ensure("prepared", units=["mps@0.service", "mps@1.service"]) == []
    systemd = host.module.Systemd(check_mode=False, folder=str(host.units))
    host.module.remove(systemd, host.started, ["mps@.service"], set())
    assert not (host.base / "digests").exists()
