"""What the benchmark of a cold apply makes of what it measured."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from benchmarks.apply import QUICKSTART, Found, ratios
from benchmarks.cpu import Used
from benchmarks.plain import tasks


def found(**each_host_s: float) -> Found:
    """Contenders whose control machine takes so many CPU-seconds for each host, and 5 besides."""
    measured = Found()
    for who, seconds in each_host_s.items():
        for size in (3, 15, 60):
            for noise in (0, 1, 100):
                measured.add(who, str(size), Used(size + noise, 5 + size * seconds + noise, size))
        measured.add(who, QUICKSTART, Used(10 * seconds, 10 * seconds, 10 * seconds))
    return measured


def test_ratios_are_of_medians_and_of_what_a_further_host_costs() -> None:
    measured = found(ours=1.0, peer=4.0, plain=10.0)
    assert measured.median("ours", "3").wall_s == 4
    _, figures, bounds = zip(*ratios(measured, (3, 15, 60)), strict=True)
    assert list(figures) == pytest.approx([0.25, 0.25, 0.25, 0.1])
    assert bounds == (0.55, 0.55, 0.4, 0.25)


def test_without_a_peer_and_with_one_size_nothing_is_bounded() -> None:
    assert list(ratios(found(ours=1.0), (3,))) == []


def test_plain_ansible_has_a_task_for_each_directory_and_each_file(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo("etc/adbray/x.json")
        member.size, member.mode = 2, 0o640
        tar.addfile(member, io.BytesIO(b"{}"))
    *folders, file = tasks(packed.getvalue(), tmp_path)
    paths = [folder["ansible.builtin.file"]["path"] for folder in folders]
    assert paths == ["/root/plain/etc", "/root/plain/etc/adbray"]
    assert file["ansible.builtin.copy"] == {
        "src": "file-0",
        "dest": "/root/plain/etc/adbray/x.json",
        "mode": "0640",
    }
    assert (tmp_path / "file-0").read_bytes() == b"{}"
