"""Turns over real sockets: whose they are, when they end, and where nobody gives any."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adbray_host import files, layout
from adbray_host.turns import agent, peers, view
from adbray_host.turns.ask import Turn, await_turn
from adbray_host.turns.queue import DEMAND, HEAD, LEAST
from adbray_host.turns.serve import give_turns
from tests import host_command
from tests.contract.health_server import serving

IDLE_S = 0.05


def until(what: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


class Host:
    """A host whose folders are elsewhere. This process is of whichever unit it says."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base = base
        self.places = {
            f"layout.{name}": base / name.lower() for name in ("RUN", "PROC", "INVOCATIONS")
        }
        for name, path in self.places.items():
            path.mkdir()
            monkeypatch.setattr(layout, name.partition(".")[2], str(path))
        self.starts = self.ends = 0
        self.closing = False
        self.service: threading.Thread | None = None
        self.turns: list[Turn] = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(layout.turns_socket())
        self.listener.listen()

    def serve(self) -> None:
        """On one core, again and again, as systemd does."""

        def loop() -> None:
            while not self.closing:
                give_turns(self.listener, 1, IDLE_S)
                self.ends += 1

        self.service = threading.Thread(target=loop)
        self.service.start()

    def be(self, unit: str, pid: int = 0) -> None:
        """A new start of ``unit``, with a process that is this one."""
        folder = self.base / "proc" / str(pid or os.getpid())
        folder.mkdir(exist_ok=True)
        (folder / "cgroup").write_text(f"0::/adbray.slice/adbray-g.slice/{unit}\n")
        self.starts += 1
        link = self.base / "invocations" / f"invocation:{unit}"
        link.unlink(missing_ok=True)
        link.symlink_to(f"{self.starts:032x}")

    def ask(self, slot: str, words: str = "turn") -> Turn:
        """A start of a worker's slot, known to who gives turns."""
        self.be(unit(slot))
        turn = self.say(words)
        until(lambda: self.shown().get(unit(slot), "came") != "came")
        return turn

    def say(self, words: str) -> Turn:
        turn = Turn()
        self.turns.append(turn)
        turn.say(words)
        return turn

    def shown(self) -> dict[str, str]:
        """The states by unit."""
        found = files.read_json(layout.turns_view()) or {"units": {}}
        return {name: entry["state"] for name, entry in found["units"].items()}

    def close(self) -> None:
        for turn in self.turns:
            turn.close()
        self.closing = True
        if self.service is not None:
            self.service.join(60)
        self.listener.close()


def unit(slot: str) -> str:
    return f"adbray-worker@g.{slot}.service"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    made = Host(tmp_path, monkeypatch)
    yield made
    made.close()


def test_the_next_one_starts_when_a_node_is_up(host: Host) -> None:
    host.serve()
    first, second, third = (host.ask(slot) for slot in ("w-0", "w-1", "w-2"))
    first.wait()
    assert view.waits() == {
        unit("w-1"): {
            "state": "waits",
            "text": "waiting for its turn to start (it is next)",
            "before": 0,
            "failed": 0,
        },
        unit("w-2"): {
            "state": "waits",
            "text": "waiting for its turn to start (1 before it)",
            "before": 1,
            "failed": 0,
        },
    }
    second.hear()
    assert not second.granted
    first.is_up()
    second.wait()
    second.close()
    third.wait()
    assert host.shown() == {unit("w-2"): "starts"}


def test_a_node_is_up_when_its_agent_answers(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "EVERY_S", 0.01)
    host.serve()
    with serving(503) as starting, serving(401) as port:
        slow = host.ask("w-0", f"turn 127.0.0.1 {starting}")
        slow.wait()
        quick = host.ask("w-1", f"turn 127.0.0.1 {port}")
        assert host.shown()[unit("w-1")] == "waits", "what does not answer well is not up"
        slow.close()
        quick.wait()
        until(lambda: not host.shown())


def test_who_waits_for_its_head_holds_nobody_up(host: Host) -> None:
    host.serve()
    first = host.ask("w-0", "head")
    host.ask("w-1").wait()
    assert view.waits()[unit("w-0")]["text"] == "waiting for the head"
    first.say("turn")
    until(lambda: host.shown()[unit("w-0")] == "waits")
    assert view.waits()[unit("w-0")]["before"] == 0


def test_a_start_that_had_its_turn_gets_no_other(host: Host) -> None:
    """A job in a worker asks again and again: it is let go, and takes nothing."""
    host.serve()
    host.ask("w-0").is_up()
    until(lambda: not host.shown())
    for _ in range(2):
        host.say("turn").wait()
    assert host.shown() == {}


def test_what_is_no_unit_of_ours_has_no_say(host: Host) -> None:
    host.serve()
    host.be("ssh.service")
    host.say("turn").wait()
    assert host.shown() == {}


NONSENSE = [b"\xff\xfe\n", b"turn x y\n", b"x" * 5000, b"up\nup\nturn\n", b""]


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_ends_nothing_but_itself(host: Host, text: bytes) -> None:
    host.serve()
    host.be(unit("w-0"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(layout.turns_socket())
        with contextlib.suppress(OSError):
            link.sendall(text)
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_WR)
            while link.recv(64):
                pass
    host.ask("w-1").wait()


def test_nobody_asks_and_the_service_ends_and_goes_on_when_somebody_does(host: Host) -> None:
    host.serve()
    until(lambda: host.ends)
    host.ask("w-0").wait()


def test_a_start_waits_on_when_the_service_starts_again(host: Host) -> None:
    host.serve()
    host.ask("w-0").wait()
    second = host.ask("w-1")
    # The listener is systemd's, and stays.
    assert second._link is not None
    second._link.shutdown(socket.SHUT_RDWR)
    second.hear()
    assert not second.granted
    until(lambda: host.shown().get(unit("w-1")) == "waits")


def test_where_nobody_gives_turns_all_start_at_once(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.listener.close()
    turn = await_turn(None, None)
    assert turn.granted
    turn.say("turn")
    assert turn.granted
    Path(layout.turns_socket()).unlink()
    assert await_turn(None, None).granted
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said] == 2 * [
        "no service gives turns here, so it starts at once"
    ]


def test_a_worker_waits_for_its_head_before_its_turn(host: Host) -> None:
    host.serve()
    host.be(unit("w-0"))
    # Its port is taken from the beginning, so that no other process gets it.
    with socket.socket() as head:
        head.bind(("127.0.0.1", 0))
        place = head.getsockname()
        turns: list[Turn] = []
        thread = threading.Thread(target=lambda: turns.append(await_turn(place, None)), daemon=True)
        thread.start()
        until(lambda: host.shown() == {unit("w-0"): "for head"})
        head.listen()
        thread.join(60)
        assert [turn.granted for turn in turns] == [True]
    host.turns += turns


@pytest.mark.usefixtures("host")
def test_ranks_are_by_unit_and_by_what_the_gate_wrote() -> None:
    assert peers.rank_of("adbray-head@my-team.service") == HEAD
    assert peers.rank_of(unit("w-0")) == LEAST
    wanted = Path(layout.demand_of("g", "w-0"))
    wanted.parent.mkdir()
    wanted.touch()
    assert peers.rank_of(unit("w-0")) == DEMAND


def test_a_worker_keeps_its_turn_until_it_ends(host: Host) -> None:
    """The service and the starts as processes; `sleep` stands in for Ray."""
    service = served(host)
    first, second = start(host, "w-0"), start(host, "w-1")
    try:
        until(lambda: host.shown() == {unit("w-0"): "starts", unit("w-1"): "waits"})
        until(lambda: ray_of(host, "w-0").exists())
        assert not ray_of(host, "w-1").exists()
        first.send_signal(signal.SIGKILL)
        until(lambda: host.shown() == {unit("w-1"): "starts"})
        until(lambda: ray_of(host, "w-1").exists())
        known = json.loads(Path(layout.turns_view()).read_text())["pasts"]
        assert known[unit("w-0")]["ended_at"] is not None
    finally:
        for process in (first, second, service):
            process.kill()
            process.wait()
        for file in host.base.glob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)


HEAD_UNIT = "adbray-head@g.service"


@contextlib.contextmanager
def keeper(host: Host) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """The keeper of a head, before it starts Ray, and what it notifies systemd of."""
    config = {"me": "a", "user": "root", "address": "127.0.0.1", "host_address": "127.0.0.1"}
    ports = ("dashboard_port", "agent_port", "gcs_port", "raylet_port")
    more = {"state_file": str(host.base / "keeper.json"), "hang_s": 5, **dict.fromkeys(ports, 1)}
    (host.base / "config.json").write_text(json.dumps(config | more))
    words = ["keeper", str(host.base / "config.json"), "/bin/sleep", "60"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(host.base / "notify"))
        systemd.settimeout(60)
        environment = {"NOTIFY_SOCKET": str(host.base / "notify")}
        process = begin(host, HEAD_UNIT, words, environment)
        try:
            yield process, systemd
        finally:
            process.kill()
            process.wait()


def test_a_keeper_that_waits_for_its_turn_lives_and_can_be_stopped(host: Host) -> None:
    host.serve()
    first = host.ask("w-0")
    with keeper(host) as (process, systemd):
        until(lambda: host.shown().get(HEAD_UNIT) == "waits")
        host.ask("w-1")
        said: list[str] = []
        while said[-1:] != ["WATCHDOG=1"] or said.count("WATCHDOG=1") < 2:
            said.append(systemd.recv(1000).decode())
        assert "STATUS=waits for its turn to start" in said
        process.terminate()
        assert process.wait(60) == 0
        until(lambda: HEAD_UNIT not in host.shown())
    first.is_up()
    until(lambda: host.shown() == {unit("w-1"): "starts"})


def test_a_head_comes_first_and_holds_its_turn_until_it_ends(host: Host) -> None:
    host.serve()
    first, second = host.ask("w-0"), host.ask("w-1")
    with keeper(host) as (process, _):
        until(lambda: host.shown().get(HEAD_UNIT) == "waits")
        first.is_up()
        until(lambda: host.shown() == {unit("w-1"): "waits", HEAD_UNIT: "starts"})
        process.kill()
        second.wait()
    assert host.shown() == {unit("w-1"): "starts"}


def served(host: Host) -> subprocess.Popen[bytes]:
    """As systemd starts it, with the listener as the third of its files; on one core."""
    command = host_command.command(host.places, "turns")
    number = host.listener.fileno()
    one = (
        "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        f" os.dup2({number}, 3); os.execv(sys.argv[1], sys.argv[1:])"
    )
    return subprocess.Popen([sys.executable, "-c", one, *command], pass_fds=[number])


def start(host: Host, slot: str) -> subprocess.Popen[bytes]:
    """A worker's start."""
    (host.base / "spill").mkdir(exist_ok=True)
    python = host.base / "python"
    if not python.exists():
        # Once: a start before this one may be about to run it. And the number comes whole.
        python.write_text(
            f"#!/bin/sh\ncd {host.base}\necho $$ > $RAY_CLOUD_INSTANCE_ID.new\n"
            "mv $RAY_CLOUD_INSTANCE_ID.new $RAY_CLOUD_INSTANCE_ID.pid\nexec sleep 60\n"
        )
        python.chmod(0o755)
    ray = str(host.base / "ray")
    words = ["start-worker", "run", slot, str(host.base), "1", "127.0.0.1", ray, "start"]
    return begin(host, unit(slot), words, {"INVOCATION_ID": "ab" * 16})


def begin(
    host: Host, unit: str, words: list[str], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """A program of ``unit``, which it is in before it asks."""
    command = host_command.command({**host.places, "layout.TMP": host.base}, *words)
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'read go; exec "$@"', "sh", *command],
        stdin=subprocess.PIPE,
        env={**environment, "PATH": os.environ["PATH"]},
    )
    host.be(unit, process.pid)
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.close()
    until(lambda: unit in host.shown())
    return process


def ray_of(host: Host, slot: str) -> Path:
    """Written by what stands in for Ray."""
    return host.base / f"{slot}.{'ab' * 16}.pid"
