"""Virtual machines of the lab: their files, disks and command lines, short of starting one."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from adbray_ctl.adapters.lab import image, machine, qemu
from adbray_ctl.adapters.lab.qemu import Qemu
from adbray_ctl.adapters.lab.shell import run
from adbray_ctl.core.errors import LabError, RefusedError
from adbray_ctl.core.lab import LabOrder, LabPlan, VmDisk

PLAN = LabPlan(id="0a1b2", subnet="198.18.7", count=1, vms=1)
(VM,) = (host for host in PLAN.hosts if host.name == "vm1")


def after(flag: str, command: list[str]) -> str:
    return command[command.index(flag) + 1]


@pytest.mark.parametrize(("accelerator", "cpu"), [("kvm", "host"), ("tcg,thread=multi", "max")])
def test_the_processor_is_the_machines_own_where_kvm_works(
    accelerator: str, cpu: str, tmp_path: Path
) -> None:
    command = qemu._qemu(tmp_path, accelerator.partition(",")[0])
    assert (after("-accel", command), after("-cpu", command)) == (accelerator, cpu)


def test_a_vm_is_wired_by_its_own_tap_and_address(tmp_path: Path) -> None:
    command = qemu._devices(PLAN, VM, tmp_path)
    assert after("-netdev", command).endswith("ifname=abv-0a1b2-v1")
    assert command[-1].endswith("mac=02:0a:1b:20:00:65")


def test_nothing_boots_where_there_is_no_kernel(tmp_path: Path) -> None:
    assert not qemu._kvm_boots(tmp_path)


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Qemu:
    """As it is when an image is there; but for disks that qemu makes."""
    monkeypatch.setattr(
        qemu, "run", lambda *words, **_: "" if words[0] == "qemu-img" else run(*words)
    )
    folder = tmp_path / "vm-image"
    folder.mkdir()
    (folder / "disk.img").touch()
    return Qemu(tmp_path, tmp_path / "key")


def test_its_own_files_belong_to_root_and_tell_its_address(tmp_path: Path, backend: Qemu) -> None:
    backend.make(PLAN, VM, LabOrder(hosts=1, vms=1), "ssh-ed25519 AAAA lab\n")
    folder = tmp_path / "hosts" / "vm1"
    with tarfile.open(folder / "files.tar") as archive:
        assert {(entry.uid, entry.gid) for entry in archive} == {(0, 0)}
        modes = {entry.name: entry.mode for entry in archive}
    assert modes["./etc/ssh/ssh_host_ed25519_key"] == 0o600
    files = folder / "files" / "etc"
    assert "Address=198.18.7.101/24" in (files / "systemd/network/lab.network").read_text()
    assert "198.18.7.11 lab1" in (files / "hosts").read_text()
    assert "/var/lib/adbray xfs defaults,prjquota" in (files / "fstab").read_text()
    assert (folder / "known_hosts").read_text().startswith("198.18.7.101 ssh-ed25519 ")


def test_an_ext4_data_disk_knows_project_quotas(tmp_path: Path) -> None:
    disk = tmp_path / "data.img"
    qemu._make_data_disk(disk, VmDisk.EXT4)
    features = run("dumpe2fs", "-h", str(disk))
    assert {"project", "quota"} <= set(features.split())
    assert disk.stat().st_size == qemu.DATA_GIB * 2**30
    assert disk.stat().st_blocks * 512 < 2**30, "what nobody wrote takes no space"


def test_an_image_is_kept_while_a_lab_may_boot_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tmp_path / "cache" / "lab" / "vm-0"
    found.mkdir(parents=True)
    lab = tmp_path / "project"
    (lab / ".adbray" / "lab").mkdir(parents=True)
    (lab / ".adbray" / "lab" / "vm-image").symlink_to(found)
    monkeypatch.setattr(machine, "labs", lambda: [lab])
    with pytest.raises(RefusedError) as caught:
        image.purge(tmp_path / "cache")
    assert str(lab) in (caught.value.hint or "")
    monkeypatch.setattr(machine, "labs", list)
    image.purge(tmp_path / "cache")
    assert not found.exists()


def test_a_machine_without_taps_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "_TUN", tmp_path / "tun")
    with pytest.raises(LabError, match="there is no") as caught:
        Qemu(tmp_path, tmp_path / "key").require()
    assert caught.value.hint == "modprobe tun"
