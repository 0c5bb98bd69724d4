"""What a host tells Prometheus of its slots: real files and a stand-in for systemctl."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from adbray_ctl.adapters.state.certificate import own_certificate
from adbray_host import layout, metrics, mounts, systemd
from adbray_host.gpus.faults import judged
from adbray_host.gpus.nvml import cards_of
from tests.unit.nvml import Nvml
from tests.unit.server_certificate import leaf

SYSTEMCTL = """#!/bin/sh
printf 'Id=adbray-head@g.service\\nActiveState=active\\nNRestarts=2\\n\\n'
printf 'Id=adbray-worker@g.w-0.service\\nActiveState=inactive\\nNRestarts=0\\n'
"""
Told: TypeAlias = Callable[[], dict[str, float]]


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def record(root: Path, kind: str, slot: str, **more: Any) -> None:
    unit = f"adbray-{kind}@g{'.' + slot if kind == 'worker' else ''}.service"
    found = {"group": "g", "slot": slot, "kind": kind, "unit": unit} | more
    write(root / "etc" / "adbray" / "g" / f"{slot}.json", found)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    """Gives what is told now: name and labels of each sample, with its value."""
    systemctl, mountinfo = tmp_path / "systemctl", tmp_path / "mountinfo"
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)
    mountinfo.write_text("")
    for name in ("ETC", "WEB", "DATA", "RUN"):
        monkeypatch.setattr(layout, name, str(tmp_path) + getattr(layout, name))
    monkeypatch.setattr(systemd, "SYSTEMCTL", str(systemctl))
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mountinfo))

    def look() -> dict[str, float]:
        text = metrics.exposition(metrics.samples(1000.0))
        pairs = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}

    return look


def test_units_are_told_by_slot(tmp_path: Path, shown: Told) -> None:
    record(tmp_path, "head", "head")
    record(tmp_path, "worker", "w-0")
    write(tmp_path / "etc" / "adbray" / "g" / "keeper.json", {"no": "record"})
    write(tmp_path / "etc" / "adbray" / "g" / "broken.json", "{")
    assert shown() == {
        'adbray_slot_running{group="g",slot="head",kind="head"}': 1,
        'adbray_slot_restarts_total{group="g",slot="head",kind="head"}': 2,
        'adbray_slot_running{group="g",slot="w-0",kind="worker"}': 0,
        'adbray_slot_restarts_total{group="g",slot="w-0",kind="worker"}': 0,
        'adbray_head_leads{group="g",slot="head"}': 0,
    }


def test_the_leader_alone_tells_of_scaling(tmp_path: Path, shown: Told) -> None:
    record(tmp_path, "head", "head")
    view = {
        "at": 990.0,
        "waiting": [{"since": 700.0}, {"since": 900.0}],
        "set_aside": [{"slot": "w-1", "host": "b", "times": 3, "reason": 'no "disk"'}],
    }
    write(tmp_path / "var/lib/adbray/g/head/logs/scaling.json", view)
    assert not any("scaling" in line for line in shown())
    write(tmp_path / "run/adbray-head.g/keeper.json", {"state": "leads"})
    found = shown()
    assert found['adbray_head_leads{group="g",slot="head"}'] == 1
    assert found['adbray_scaling_age_seconds{group="g"}'] == 10
    assert found['adbray_demand_blocked{group="g"}'] == 2
    assert found['adbray_demand_blocked_seconds{group="g"}'] == 300
    assert found['adbray_slot_set_aside{group="g",slot="w-1",on="b"}'] == 3
    write(tmp_path / "var/lib/adbray/g/head/logs/scaling.json", {"at": 990.0})
    assert shown()['adbray_demand_blocked_seconds{group="g"}'] == 0


def test_a_view_that_lacks_what_is_needed_leaves_the_rest(tmp_path: Path, shown: Told) -> None:
    record(tmp_path, "head", "head")
    write(tmp_path / "run/adbray-head.g/keeper.json", {"state": "leads"})
    write(tmp_path / "var/lib/adbray/g/head/logs/scaling.json", {"waiting": []})
    found = shown()
    assert found['adbray_slot_running{group="g",slot="head",kind="head"}'] == 1
    assert not any("demand" in line for line in found)


def test_a_disk_that_is_not_mounted_is_not_told(tmp_path: Path, shown: Told) -> None:
    record(tmp_path, "worker", "w-0", disk_gb=30)
    (tmp_path / "var/lib/adbray/g/w-0").mkdir(parents=True)
    assert not any("disk" in line for line in shown())


def test_a_mounted_disk_is_told_with_its_size(tmp_path: Path, shown: Told) -> None:
    record(tmp_path, "worker", "w-0", disk_gb=30)
    disk = tmp_path / "var/lib/adbray/g/w-0"
    write(tmp_path / "mountinfo", f"1 2 7:0 / {disk} rw - ext4 /dev/loop0 rw\n")
    disk.mkdir(parents=True)
    found = shown()
    size = found['adbray_slot_disk_size_bytes{group="g",slot="w-0",disk="data"}']
    free = found['adbray_slot_disk_avail_bytes{group="g",slot="w-0",disk="data"}']
    assert 0 < free < size


def test_each_card_is_told_of_as_nvml_and_the_kernel_s_log_have_it(
    tmp_path: Path, shown: Told
) -> None:
    (well, plain), _ = cards_of(Nvml(cards=2))
    plain |= {"utilization": None, "power_w": None, "temperature_c": None, "ecc": False}
    plain |= {"memory_mb": 0, "name": "", "uuid": ""}
    xids = {"0000:41:00": {79: 3}}
    path = tmp_path / "run/adbray/gpus.json"
    write(path, {"found": [judged(well, xids), judged(plain, xids)]})
    os.utime(path, (900.0, 900.0))
    where = f'card="0",uuid="{well["uuid"]}",model="{well["name"]}"'
    assert shown() == {
        f"adbray_gpu_utilization_ratio{{{where}}}": 0.63,
        f"adbray_gpu_memory_used_bytes{{{where}}}": 2**30,
        f"adbray_gpu_memory_total_bytes{{{where}}}": 80 * 2**30,
        f"adbray_gpu_temperature_celsius{{{where}}}": 34,
        f"adbray_gpu_power_watts{{{where}}}": 71.25,
        f"adbray_gpu_xid_errors_total{{{where}}}": 0,
        f"adbray_gpu_ecc_uncorrected_total{{{where}}}": 0,
        'adbray_gpu_xid_errors_total{card="1",uuid="",model=""}': 3,
    }
    os.utime(path, (800.0, 800.0))
    assert shown() == {}, "nobody has looked for three minutes"


def test_what_an_older_adbray_wrote_of_a_card_is_told(tmp_path: Path, shown: Told) -> None:
    card = {"index": 0, "uuid": "u", "name": "n", "memory_mb": 1, "ecc": True, "ecc_errors": 2}
    path = tmp_path / "run/adbray/gpus.json"
    write(path, {"found": [card | {"temperature_c": None}]})
    os.utime(path, (900.0, 900.0))
    assert set(shown().values()) == {2**20, 2}


def test_the_end_of_a_certificate_is_told(tmp_path: Path, shown: Told) -> None:
    record(tmp_path, "redis", "redis")
    certificate, _ = own_certificate("redis of g")
    write(tmp_path / "etc/adbray/g/redis.crt", certificate.decode())
    write(tmp_path / "etc/adbray/g/broken.crt", "no certificate")
    found = shown()
    (end,) = (value for line, value in found.items() if "certificate" in line)
    assert end == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    assert 'adbray_certificate_expires_seconds{group="g",file="redis.crt"}' in found
    write(tmp_path / "etc/adbray-web/web.crt", certificate.decode())
    assert 'adbray_certificate_expires_seconds{group="",file="web.crt"}' in shown()


def test_of_a_web_server_s_chain_the_first_end_is_told(tmp_path: Path, shown: Told) -> None:
    """A server's own certificate is no authority's."""
    ends = [datetime(year, 3, 4, 5, 6, 7, tzinfo=UTC) for year in (2051, 2031, 2041)]
    chain = "".join(f"Its name, for people\n{leaf(end)[0]}" for end in ends)
    write(tmp_path / "etc/adbray-web/web.crt", chain)
    assert list(shown().values()) == [ends[1].timestamp()]
    for cut in (30, 200, 400):
        whole = ssl.PEM_cert_to_DER_cert(leaf(ends[0])[0])
        broken = ssl.DER_cert_to_PEM_cert(whole[:cut])
        write(tmp_path / "etc/adbray-web/web.crt", broken)
        assert set(shown().values()) <= {ends[0].timestamp()}
