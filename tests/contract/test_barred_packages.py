"""Packages on a host whose apt and systemd are stand-ins: brought now, or beside other work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.host_script import load

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "plugins" / "modules" / "barred_packages.py"
UTILS = "ansible_collections.adbray.ray.plugins.module_utils"
# apt brings each program unless there is a file "broken"; the unit that runs apt is active
# as often as "asked" says.
APT = """\
#!/bin/sh
case $PATH in *:/usr/sbin*) ;; *) exit 9 ;; esac
echo "$@" | sed 's/.* install/install/; s/-qq //' >>{base}/done
[ ! -e {base}/broken ] || {{ echo "no such package" >&2; exit 100; }}
case "$*" in *install*) for word; do touch {base}/bin-$word; done ;; esac
"""
SYSTEMD_RUN = """\
#!/bin/sh
echo "begin $*" >>{base}/done
"""
SYSTEMCTL = """\
#!/bin/sh
shift 3
left=$(cat {base}/asked 2>/dev/null || echo 0)
for unit; do
    state=inactive
    [ "$unit" != adbray-packages.service ] || [ "$left" = 0 ] || state=activating
    printf 'Id=%s\\nActiveState=%s\\n\\n' "$unit" "$state"
done
if [ "$left" != 0 ]; then
    echo $((left - 1)) >{base}/asked
    [ "$left" != 1 ] || touch {base}/bin-redis
fi
"""


class Host:
    """What the module does to one, in order."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base = base
        for name, text in {
            "apt-get": APT,
            "systemd-run": SYSTEMD_RUN,
            "systemctl": SYSTEMCTL,
        }.items():
            (base / name).write_text(text.format(base=base))
            (base / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{base}:/usr/bin:/bin")
        monkeypatch.syspath_prepend(ROOT)
        monkeypatch.setattr(f"{UTILS}.adbray_host.systemd.SYSTEMCTL", str(base / "systemctl"))
        monkeypatch.setattr(f"{UTILS}.packages.LISTS", str(base / "lists" / "*"))
        self.module: Any = load(MODULE)

    def bring(self, *names: str, wait: bool = True) -> list[str]:
        wanted = [
            {"name": name, "program": str(self.base / f"bin-{name}"), "unit": f"{name}.service"}
            for name in names
        ]
        systemd = self.module.Systemd(check_mode=False, folder=str(self.base / "units"))
        found: list[str] = self.module.bring(systemd, wanted, wait=wait)
        return found

    def listed(self, age_s: float = 0) -> None:
        """The lists of packages were fetched so long ago."""
        path = self.base / "lists" / "main_Packages"
        path.parent.mkdir(exist_ok=True)
        path.touch()
        then = path.stat().st_mtime - age_s
        os.utime(path, (then, then))

    @property
    def done(self) -> list[str]:
        path = self.base / "done"
        return path.read_text().splitlines() if path.exists() else []

    def barred(self, name: str) -> bool:
        return (self.base / "units" / f"{name}.service.d" / "adbray.conf").exists()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_what_is_missing_comes_barred_and_in_one_call(host: Host) -> None:
    host.listed()
    (host.base / "bin-nginx").touch()
    assert host.bring("redis", "nginx", "exporter") == ["redis", "exporter"]
    assert host.done == ["install redis exporter"]
    assert host.barred("redis")
    assert not host.barred("nginx")
    assert host.bring("redis", "nginx", "exporter") == []


@pytest.mark.parametrize("age_s", [None, 4000])
def test_lists_that_are_missing_or_old_are_fetched_first(host: Host, age_s: float | None) -> None:
    if age_s is not None:
        host.listed(age_s)
    host.bring("redis")
    assert host.done == ["update", "install redis"]


def test_it_is_barred_before_apt_is_asked(host: Host) -> None:
    host.listed()
    (host.base / "broken").touch()
    with pytest.raises(host.module.PackageError, match=r"cannot install redis.*no such package"):
        host.bring("redis")
    assert host.barred("redis")
    assert host.done == ["install redis", "update", "install redis"]


def test_apt_that_is_begun_is_not_waited_for(host: Host) -> None:
    host.listed()
    assert host.bring("redis", "exporter", wait=False) == ["redis", "exporter"]
    (begun,) = host.done
    assert "--no-block" in begun
    assert begun.endswith("install redis exporter")
    assert host.barred("redis")


def test_who_needs_a_package_waits_for_the_apt_that_brings_it(host: Host) -> None:
    host.listed()
    (host.base / "asked").write_text("2")
    assert host.bring("redis") == []
    assert host.done == []


def test_what_that_apt_did_not_bring_is_installed(host: Host) -> None:
    host.listed()
    (host.base / "asked").write_text("1")
    assert host.bring("redis", "exporter") == ["exporter"]
    assert host.done == ["install exporter"]
