"""What the lab reads of its machine: mount tables, processes, apt sources, certificates."""

from __future__ import annotations

from pathlib import Path

import pytest

from adbray_ctl.adapters.lab import apt, image, machine, network, nspawn, qemu
from adbray_ctl.adapters.lab.lab import MachineLab
from adbray_ctl.adapters.lab.processes import container_inits, end, members
from adbray_ctl.adapters.lab.shell import mounts_below, run, succeeds, unescaped
from adbray_ctl.core.errors import LabError
from adbray_ctl.core.lab import Lab as LabPort
from adbray_ctl.core.lab import LabOrder, LabPlan

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://mirror.example/debian/ trixie main
deb http://mirror.example/debian-security trixie-security main contrib
deb https://packages.example/apt sdk main
deb-src http://mirror.example/debian trixie main
"""
DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Enabled: no
"""


def test_one_line_sources_give_their_uris() -> None:
    assert apt._one_line(ONE_LINE) == [
        "http://mirror.example/debian/",
        "http://mirror.example/debian-security",
        "https://packages.example/apt",
    ]


def test_deb822_sources_give_their_uris_unless_disabled() -> None:
    assert apt._deb822(DEB822) == ["http://mirror.example/debian"]


def test_sources_name_the_hosts_own_suite() -> None:
    """Whatever Debian the machine runs; and a machine without Debian gets the default mirror."""
    lines = apt.debian_sources("bookworm")
    assert any(line.endswith("/debian bookworm main") for line in lines)
    assert all(" bookworm" in line for line in lines)


def test_authorities_are_those_debian_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = "-----BEGIN CERTIFICATE-----\nb3Vycw==\n-----END CERTIFICATE-----"
    debian = Path("/usr/share/ca-certificates/mozilla")
    known = "".join(path.read_text() for path in sorted(debian.glob("*.crt"))[:2])
    bundle = tmp_path / "bundle.crt"
    bundle.write_text(f"{known}{ours}\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert apt.extra_authorities() == (ours,)


def test_no_authorities_without_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    assert apt.extra_authorities() == ()


def test_paths_of_mount_tables() -> None:
    assert unescaped(r"/srv/a\040b\134c") == "/srv/a b\\c"


def test_mounts_are_listed_deepest_first() -> None:
    points = [mount.point for mount in mounts_below(Path("/"))]
    assert points[-1] == Path("/")
    assert Path("/proc") in points


def test_a_failing_tool_tells_its_complaint() -> None:
    with pytest.raises(LabError, match="No such file"):
        run("ls", "/nowhere/at/all")
    with pytest.raises(LabError, match="is not installed"):
        run("no-such-tool-anywhere")
    assert not succeeds("false")


def test_nothing_is_found_where_no_lab_is(tmp_path: Path) -> None:
    assert container_inits(tmp_path) == {}
    assert members(tmp_path) == []
    end([], within_s=0)


def test_a_lab_that_was_never_made_has_no_hosts(tmp_path: Path) -> None:
    lab: LabPort = MachineLab(tmp_path, tmp_path / "cache")
    assert lab.plan() is None
    assert lab.status().hosts == ()
    with pytest.raises(LabError, match="there is no lab here"):
        lab.kill("lab1")


@pytest.mark.parametrize("name", ["with,comma", "with:colon", "with\\backslash"])
def test_paths_that_overlays_cannot_take(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MachineLab, "_require_machine", lambda *_: None)
    with pytest.raises(LabError, match="cannot lie below"):
        MachineLab(tmp_path / name, tmp_path).up(LabOrder(hosts=1), print)
    assert not (tmp_path / name).exists()


def test_missing_tools_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LabError, match="systemd-container") as caught:
        machine.require_machine(nspawn.TOOLS)
    assert (caught.value.hint or "").startswith("apt-get install iproute2 ")
    with pytest.raises(LabError, match="qemu-system-x86, qemu-utils"):
        machine.require_machine(qemu.TOOLS)


def test_users_other_than_root_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root"):
        machine.require_machine({})


def test_too_little_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "_NEEDED_GIB", 10**9)
    with pytest.raises(LabError, match="GiB are free") as caught:
        image.base_image(tmp_path, lambda _: None)
    assert "XDG_CACHE_HOME" in (caught.value.hint or "")


def test_a_subnet_inside_a_wider_route_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = '[{"dst": "default"}, {"dst": "198.18.0.0/23"}, {"dst": "198.18.2.11"}]'
    monkeypatch.setattr(network, "run", lambda *_: routes)
    assert network.free_subnet("00000") == "198.18.3"
    assert network.free_subnet("00001") == "198.18.3"
    assert network.free_subnet("00007") == "198.18.8"
    assert network.free_subnet("000f8") == "198.18.249"


def test_no_subnet_left_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "run", lambda *_: '[{"dst": "198.18.0.0/15"}]')
    with pytest.raises(LabError, match="every subnet"):
        network.free_subnet("0a1b2")


def test_interface_names_fit_the_kernel() -> None:
    plan = LabPlan(id="0a1b2", subnet="198.18.7", count=60, vms=8)
    names = [network.bridge(plan), *(network.link(plan, host) for host in plan.hosts)]
    assert max(map(len, names)) <= 15
    assert len(set(names)) == 69


def test_hardware_addresses_last_and_differ() -> None:
    plan = LabPlan(id="0a1b2", subnet="198.18.7", count=60)
    assert network._mac(plan, 0) == "02:0a:1b:20:00:00"
    assert network._mac(plan, 60) == "02:0a:1b:20:00:3c"
