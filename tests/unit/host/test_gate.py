"""The gate on a host, as the head's key reaches it: real files, a stand-in for systemctl alone."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests import host_command

START = "0123456789abcdef" * 2

# Keeps each unit's state in a file; what it is told to do is appended to a log.
SYSTEMCTL = """#!/bin/sh
verb=$1; shift
case $verb in
list-units) for state in $(ls "$STATES" | grep service); do echo "$state active"; done; exit;;
show) shift;;
esac
[ "$1" = -- ] && shift
for unit; do
    state=$STATES/$unit
    case $verb in
    show)
        active=inactive; [ -e "$state" ] && active=$(cat "$state")
        printf 'Id=%s\\nLoadState=loaded\\nActiveState=%s\\nInvocationID=%s\\nNRestarts=0\\n\\n' \\
            "$unit" "$active" "$START";;
    start) echo "start $unit" >>"$STATES/log"
        [ -e "$STATES/broken" ] && { echo "no such disk"; exit 1; }; echo active >"$state";;
    stop) echo "stop $unit" >>"$STATES/log"; echo failed >"$state";;
    reset-failed) [ "$(cat "$state")" = failed ] && rm "$state";;
    esac
done
exit 0
"""


class Gate:
    """A host with the group demo: a head, and the slots w-0 and w-1; and a group other."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.states = base / "states"
        for folder in ("etc/demo", "etc/other", "data", "run", "states"):
            (base / folder).mkdir(parents=True)
        self.record("demo", "head", kind="head")
        self.record("demo", "w-0")
        self.record("demo", "w-1")
        self.record("other", "w-7")
        systemctl = base / "systemctl"
        systemctl.write_text(SYSTEMCTL)
        systemctl.chmod(0o755)
        self.elsewhere = {
            "layout.ETC": base / "etc",
            "layout.DATA": base / "data",
            "layout.RUN": base / "run",
            "systemd.SYSTEMCTL": systemctl,
            "systemd.JOURNALCTL": "/bin/true",
        }

    def record(self, group: str, slot: str, **fields: Any) -> None:
        record = {"group": group, "slot": slot, "kind": "worker", "worker_group": "w"} | fields
        (self.base / "etc" / group / f"{slot}.json").write_text(json.dumps(record))

    def ask(self, request: str, *, group: str = "demo", stdin: str = "") -> Any:
        """The last line of the answer."""
        environment = {"SSH_ORIGINAL_COMMAND": request, "STATES": str(self.states), "START": START}
        done = subprocess.run(
            host_command.command(self.elsewhere, "gate", "--group", group),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=environment | {"PATH": os.environ["PATH"]},
        )
        assert done.stderr == ""
        answer = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode == (1 if "error" in answer else 0)
        return answer

    def slot(self, name: str) -> dict[str, Any]:
        slots: list[dict[str, Any]] = self.ask("list")["slots"]
        return next(slot for slot in slots if slot["slot"] == name)

    @property
    def done(self) -> list[str]:
        log = self.states / "log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_list_tells_of_this_groups_workers_alone(gate: Gate) -> None:
    assert [slot["slot"] for slot in gate.ask("list")["slots"]] == ["w-0", "w-1"]
    assert gate.slot("w-0") == {
        "slot": "w-0",
        "worker_group": "w",
        "state": "stopped",
        "start": "",
        "restarts": 0,
        "held": False,
        "detail": "",
        "waits": "",
    }


def test_list_says_what_a_start_waits_for(gate: Gate) -> None:
    entry = {"state": "waits", "before": 3, "at": 0, "failed": 0}
    lost = {"state": "for head", "before": 0, "at": 0, "failed": 0}
    units = {"adbray-worker@demo.w-0.service": entry, "adbray-worker@demo.w-1.service": lost}
    (gate.base / "run" / "turns.json").write_text(json.dumps({"units": units}))
    assert gate.slot("w-0")["waits"] == "waiting for its turn to start (3 before it)"
    assert gate.slot("w-1")["waits"] == "", "the head that asks is there: to it this is a fault"


@pytest.mark.parametrize("shown", ["", "[]", '{"units": []}', '{"units": {"a": {"state": 1}}}'])
def test_what_another_version_says_of_turns_is_left_alone(gate: Gate, shown: str) -> None:
    (gate.base / "run" / "turns.json").write_text(shown)
    assert [slot["waits"] for slot in gate.ask("list")["slots"]] == ["", ""]


def test_what_work_asks_for_is_marked_and_starts_after_the_rest(gate: Gate) -> None:
    mark = gate.base / "run" / "demo" / "w-0.demand"
    gate.ask("start w-0")
    assert mark.exists()
    gate.ask("stop w-0")
    for _ in range(2):
        gate.ask("start w-0 least")
        assert not mark.exists()


def test_start_tells_which_start_it_is(gate: Gate) -> None:
    (slot,) = gate.ask("start w-0")["slots"]
    assert (slot["state"], slot["start"]) == ("running", START)
    assert gate.ask("start w-0")["slots"] == [slot], "once more changes nothing"
    assert gate.done == ["start adbray-worker@demo.w-0.service"]


def test_stop_is_for_the_start_it_names(gate: Gate) -> None:
    gate.ask("start w-0")
    other = START[::-1]
    assert gate.ask(f"stop w-0.{other}")["slots"][0]["state"] == "running"
    assert gate.ask(f"stop w-0.{START}")["slots"][0]["state"] == "stopped"
    assert gate.ask("stop w-0")["slots"][0]["state"] == "stopped"
    assert gate.done[0:2] == [
        f"{verb} adbray-worker@demo.w-0.service" for verb in ("start", "stop")
    ]


@pytest.mark.parametrize("broken", [False, True])
def test_what_the_gate_stops_does_not_stay_failed(gate: Gate, broken: bool) -> None:
    """A worker that is stopped while it begins would be shown as failed for good."""
    if broken:
        (gate.states / "broken").touch()
    gate.ask("start w-0")
    gate.ask("stop w-0")
    assert not (gate.states / "adbray-worker@demo.w-0.service").exists()


def test_what_does_not_start_says_why_and_is_left_stopped(gate: Gate) -> None:
    (gate.states / "broken").touch()
    assert "no such disk" in gate.ask("start w-0")["error"]
    assert gate.done[-1] == "stop adbray-worker@demo.w-0.service", "systemd would try on"


def test_what_an_operator_holds_back_is_not_started(gate: Gate) -> None:
    hold = gate.base / "run" / "demo" / "w-0.hold"
    hold.parent.mkdir()
    hold.write_text(str(time.time() + 60))
    assert gate.slot("w-0")["held"]
    assert "held back" in gate.ask("start w-0")["error"]
    hold.write_text(str(time.time() - 1))
    assert gate.ask("start w-0")["slots"][0]["state"] == "running"


def test_watch_answers_each_line(gate: Gate) -> None:
    assert len(gate.ask("watch", stdin="\n\n")["slots"]) == 2


@pytest.mark.parametrize(
    "request_",
    [
        "",
        "sh",
        "/bin/sh -c id",
        "list; id",
        "list\nid",
        "list ",
        "start",
        "start w-0 w-1",
        "start ../../x",
        "start w-0/../w-1",
        "start w-0.service",
        "start head",
        "start w-9",
        "start w-7",
        "start w-0\n",
        "start w-\u0661",
        "stop w-0.abc",
        f"stop w-0.{START.upper()}",
        "stop --all",
        "stop redis",
        "/usr/lib/openssh/sftp-server",
        "internal-sftp",
        "scp -t /tmp",
        "start " + "a" * 100_000,
    ],
)
def test_everything_else_is_refused(gate: Gate, request_: str) -> None:
    assert gate.ask(request_)["error"]
    assert gate.done == []


@pytest.mark.parametrize("group", ["", "..", "../demo", "demo/../other", "Demo", "a" * 40])
def test_a_strange_group_is_refused(gate: Gate, group: str) -> None:
    assert gate.ask("list", group=group).get("error")


def test_a_record_that_says_otherwise_is_no_slot(gate: Gate) -> None:
    other = {"group": "other", "slot": "w-2", "kind": "worker"}
    (gate.base / "etc" / "demo" / "w-2.json").write_text(json.dumps(other))
    gate.record("demo", "w-3", kind="head")
    assert [slot["slot"] for slot in gate.ask("list")["slots"]] == ["w-0", "w-1"]


def test_a_record_that_cannot_be_read_is_not_a_slot_that_is_gone(gate: Gate) -> None:
    path = gate.base / "etc" / "demo" / "w-4.json"
    path.write_text("{")
    assert f"{path} cannot be read" in gate.ask("list")["error"]
    assert gate.ask("start w-0")["slots"][0]["state"] == "running", "the others can be started"
    assert gate.ask("stop w-0")["slots"][0]["state"] == "stopped"


def test_a_host_rests_only_while_nothing_runs_there(gate: Gate) -> None:
    gate.ask("start w-0")
    refused = gate.ask("rest", group="other")
    assert "adbray-worker@demo.w-0.service runs here" in refused["error"]
    gate.ask("stop w-0")
    hold = gate.base / "run" / "demo" / "w-1.hold"
    hold.write_text(str(time.time() + 100))
    assert gate.ask("rest")["error"] == "slots are being changed here"
    hold.unlink()
    assert gate.ask("rest") == {"slots": []}


def test_a_resting_host_starts_nothing_of_any_group(gate: Gate) -> None:
    gate.ask("rest")
    for group, slot in (("demo", "w-0"), ("other", "w-7")):
        refused = gate.ask(f"start {slot}", group=group)
        assert refused["resting"]
        assert "about to be put to sleep" in refused["error"]
    assert not gate.ask("start nosuch-0")["resting"], "that is no reason to wait"
    (gate.base / "run" / "resting").write_text(str(time.time() - 1))
    assert gate.ask("start w-0")["slots"][0]["state"] == "running"


def test_a_slot_on_a_bad_card_is_not_started(gate: Gate) -> None:
    gate.record("demo", "w-0", gpu={"cards": [1], "slices": 1})
    gate.record("demo", "w-1", gpu={"cards": [0], "slices": 1})
    cards = [{"index": 0, "faults": []}, {"index": 1, "faults": ["XID 79: gone"]}]
    told = gate.base / "run" / "gpus.json"
    told.write_text(json.dumps({"found": cards}))
    assert gate.ask("start w-0")["error"] == "w-0 is set aside: GPU 1: XID 79: gone"
    assert gate.ask("start w-1")["slots"][0]["state"] == "running"
    cards[1]["faults"] = []
    told.write_text(json.dumps({"found": cards}))
    assert gate.ask("start w-0")["slots"][0]["state"] == "running"


@pytest.mark.parametrize("told", ["", "{}", '{"found": [{}]}', "[]"])
def test_a_watch_that_tells_nonsense_keeps_no_slot_back(gate: Gate, told: str) -> None:
    gate.record("demo", "w-0", gpu={"cards": [0], "slices": 1})
    (gate.base / "run" / "gpus.json").write_text(told)
    assert gate.ask("start w-0")["slots"][0]["state"] == "running"
