"""What a host does to its GPUs: read from nvidia-smi's words, decided, written for units.

The texts are written by hand after NVIDIA's MIG user guide and reports of others: no card was there
to record them.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from adbray_host.gpu_share import cards as shown_cards
from adbray_host.gpu_share import cut, decisions
from tests import host_command

CARDS = """\
0, GPU-aaaa, Enabled
1, GPU-bbbb, Disabled
2, GPU-cccc, [N/A]
"""
INSTANCES = """\
+-------------------------------------------------------+
| GPU instances:                                        |
| GPU   Name             Profile  Instance   Placement  |
|                          ID       ID       Start:Size |
|=======================================================|
|   0  MIG 1g.10gb         19        9          2:1     |
+-------------------------------------------------------+
|   0  MIG 1g.10gb+me      20       10          3:1     |
+-------------------------------------------------------+
|   1  MIG 3g.40gb          9        2          4:4     |
+-------------------------------------------------------+
"""
LIST = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa)
  MIG 3g.40gb     Device  0: (UUID: MIG-1111)
  MIG 3g.40gb     Device  1: (UUID: MIG-2222)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbbb)
"""


def part(slot: str, card: int, isolation: str = "mig", parts: int = 2) -> Any:
    profile = {2: "3g.40gb", 3: "2g.20gb"}[parts] if isolation == "mig" else ""
    return decisions.Slice(slot, card, isolation, 100 // parts, 81920 // parts, profile, parts)


def cards(**modes: str) -> dict[int, Any]:
    return {int(k[1:]): shown_cards.Card(int(k[1:]), f"GPU-{k}", mode) for k, mode in modes.items()}


# --- what nvidia-smi prints


def test_cards() -> None:
    assert shown_cards.parse_cards(CARDS) == {
        0: shown_cards.Card(0, "GPU-aaaa", "Enabled"),
        1: shown_cards.Card(1, "GPU-bbbb", "Disabled"),
        2: shown_cards.Card(2, "GPU-cccc", "[N/A]"),
    }
    assert shown_cards.parse_cards("No devices were found\n") == {}


def test_instances() -> None:
    assert shown_cards.parse_instances(INSTANCES) == [
        shown_cards.Instance(0, "1g.10gb", 9),
        shown_cards.Instance(0, "1g.10gb+me", 10),
        shown_cards.Instance(1, "3g.40gb", 2),
    ]
    assert shown_cards.parse_instances("No GPU instances found: Not Found\n") == []


def test_devices() -> None:
    assert shown_cards.parse_uuids(LIST) == {0: ["MIG-1111", "MIG-2222"]}


# --- what is to be done


def test_a_fresh_card_is_cut_into_all_its_parts() -> None:
    work = decisions.decide([part("g.s-0", 1)], cards(c1="Disabled"), [], set())
    assert work == decisions.Work([], [], [1], [(1, "3g.40gb", 2)])


def test_a_card_that_is_cut_as_wanted_is_left_alone() -> None:
    made = [shown_cards.Instance(0, "3g.40gb", 1), shown_cards.Instance(0, "3g.40gb", 2)]
    assert not decisions.decide([part("g.s-0", 0)], cards(c0="Enabled"), made, {0}).actions


def test_after_a_boot_the_instances_are_made_again() -> None:
    work = decisions.decide([part("g.s-0", 0)], cards(c0="Enabled"), [], {0})
    assert work.actions == ["create 2 MIG 3g.40gb on GPU 0"]


def test_a_card_that_is_cut_otherwise_is_cut_anew() -> None:
    made = [shown_cards.Instance(0, "3g.40gb", 1), shown_cards.Instance(0, "3g.40gb", 2)]
    work = decisions.decide([part("g.s-0", 0, parts=3)], cards(c0="Enabled"), made, {0})
    assert work.destroy == made
    assert work.create == [(0, "2g.20gb", 3)]


@pytest.mark.parametrize("wanted", [[], [part("g.s-0", 0, "mps", 3)]])
def test_a_card_that_is_no_longer_cut_is_put_back(wanted: list[Any]) -> None:
    made = [shown_cards.Instance(0, "3g.40gb", 1), shown_cards.Instance(1, "3g.40gb", 1)]
    work = decisions.decide(wanted, cards(c0="Enabled", c1="Enabled"), made, {0})
    assert work == decisions.Work([shown_cards.Instance(0, "3g.40gb", 1)], [0], [], [])


@pytest.mark.parametrize(
    ("wanted", "shown", "told"),
    [
        ([part("g.s-0", 3)], cards(c0="Enabled"), "a slice of GPU 3, and the driver shows 1"),
        ([part("g.s-0", 0)], cards(c0="[N/A]"), "GPU 0 has no MIG"),
        ([part("g.s-0", 0)], cards(c0="Enabled"), "MIG instances that adbray did not make"),
        ([part("g.s-0", 0, "mps")], cards(c0="Enabled"), "GPU 0 is in MIG mode"),
        (
            [part("g.s-0", 0), part("h.s-0", 0, "mps")],
            cards(c0="Enabled"),
            "cannot be cut for g.s-0 (1/2 by mig) and for h.s-0 (1/2 by mps) at once",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(wanted: list[Any], shown: Any, told: str) -> None:
    made = [shown_cards.Instance(0, "7g.80gb", 0)]
    with pytest.raises(shown_cards.Refused) as caught:
        decisions.decide(wanted, shown, made, set())
    assert told in str(caught.value)


def test_a_slot_keeps_its_device_and_no_two_have_the_same() -> None:
    found = decisions.assign(
        ["g.a", "g.b", "h.c"], ["M1", "M2", "M3"], {"g.b": "M1", "h.c": "gone"}
    )
    assert found["g.b"] == "M1"
    assert sorted(found.values()) == ["M1", "M2", "M3"]
    with pytest.raises(shown_cards.Refused):
        decisions.assign(["g.a", "g.b"], ["M1"], {})


def test_daemon_and_clients_are_told_the_same_bounds() -> None:
    text = decisions.mps_environment(part("g.s-0", 1, "mps", 3), "GPU-bbbb")
    assert text.splitlines() == [
        "CUDA_VISIBLE_DEVICES=GPU-bbbb",
        "CUDA_MPS_PIPE_DIRECTORY=/run/adbray-mps/1/pipe",
        "CUDA_MPS_LOG_DIRECTORY=/var/log/adbray-mps/1",
        "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=33",
        "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=27306M",
    ]


# --- the program itself


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = host_command.command({}, name, *arguments)
    return subprocess.run(
        command, env={"PATH": "/nonexistent"}, capture_output=True, text=True, check=False
    )


def test_what_is_wanted_is_read_and_what_is_left_is_removed(tmp_path: Path) -> None:
    etc, told = tmp_path / "etc", tmp_path / "run"
    etc.mkdir()
    told.mkdir()
    fields = part("g.s-0", 0, "mps", 3)._asdict()
    del fields["slot"]
    (etc / "g.s-0.json").write_text(json.dumps({"name": "s-0", **fields}))
    host = cut.Host(False, str(etc), str(told))
    assert host.wanted() == [part("g.s-0", 0, "mps", 3)]
    host.own({1, 0})
    assert host.ours() == {0, 1}
    (etc / "g.s-0.json").unlink()
    host.own(set())
    (told / "g.s-0").write_text("CUDA_VISIBLE_DEVICES=GPU-aaaa\n")
    cut.ensure(host)
    assert not list(told.iterdir())
    assert host.actions[-1] == f"remove {told}/g.s-0"


def test_a_host_of_which_nothing_is_wanted_needs_no_driver() -> None:
    done = run("gpu-share", "ensure", "--check")
    assert (done.returncode, json.loads(done.stdout)["changed"]) == (0, False)
    assert run("gpu-share", "cut").returncode == 2


def test_a_host_without_a_driver_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    fields = part("g.s-0", 0, "mps", 3)._asdict()
    del fields["slot"]
    (tmp_path / "g.s-0.json").write_text(json.dumps(fields))
    work = cut.ensure

    def here(_: Any) -> None:
        work(cut.Host(False, str(tmp_path), str(tmp_path / "run")))

    assert cut.main(["ensure"], here) == 1
    assert "no NVIDIA driver (nvidia-smi is missing): install it" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_client_without_a_driver_fails() -> None:
    done = run("cuda-client")
    assert done.returncode == 1
    assert "a CUDA program does not work here: libcuda.so.1" in done.stderr
