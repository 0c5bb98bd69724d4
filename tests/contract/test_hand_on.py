"""A file that hosts hand on to each other, over real sockets and by real processes."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from adbray_host import hand_on

# All of 127.0.0.0/8 is this machine.
HOST, PEER, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
CONTENT = os.urandom(3_000_000)


def connect(port: int, own: str) -> socket.socket:
    return socket.create_connection((HOST, port), 10, (own, 0))


def received(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as file:
        return file.read()


def holders(path: Path) -> list[int]:
    """The processes that have the removed file open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/0"):
        try:
            if str(link.readlink()) == f"{path} (deleted)":
                found.append(int(link.parts[2]))
        except OSError:
            continue
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "archive"
    path.write_bytes(CONTENT)
    path.chmod(0o600)
    return path


@pytest.fixture
def port(file: Path) -> int:
    """Of a process that hands on a file that is gone already."""
    found = hand_on.begin(str(file), HOST, [PEER, HOST])
    file.unlink()
    return found


def stop(file: Path) -> None:
    for pid in holders(file):
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_a_peer_gets_it_whole_and_a_stranger_nothing(file: Path, port: int, tmp_path: Path) -> None:
    try:
        assert received(connect(port, STRANGER)) == b""
        assert received(connect(port, PEER)) == CONTENT
        hand_on.take(f"{HOST}:{port}", PEER, str(tmp_path / "taken"), len(CONTENT))
        assert (tmp_path / "taken").read_bytes() == CONTENT
    finally:
        stop(file)


def test_it_is_nobody_and_has_nothing_else_open(file: Path, port: int) -> None:
    try:
        received(connect(port, PEER))
        (pid,) = holders(file)
        status = Path(f"/proc/{pid}/status").read_text()
        users = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        assert "0" not in users
        assert os.getsid(pid) == pid
        assert {one.name for one in Path(f"/proc/{pid}/fd").iterdir()} == {"0", "1", "2", "3"}
    finally:
        stop(file)


def test_two_take_it_at_once_and_a_third_waits(file: Path) -> None:
    file.write_bytes(bytes(50_000_000))  # more than the kernel keeps for a reader that waits
    with socket.create_server((HOST, 0)) as server, file.open("rb") as content:
        service = threading.Thread(target=hand_on.serve, args=(server, content, [PEER], 5.0))
        service.start()
        taking = [connect(server.getsockname()[1], PEER) for _ in range(2)]
        third = connect(server.getsockname()[1], PEER)
        for one in taking:
            assert one.recv(1)
        third.settimeout(0.5)
        with pytest.raises(TimeoutError):
            third.recv(1)
        received(taking[0])
        third.settimeout(30)
        assert third.recv(1)
        for one in (taking[1], third):
            one.close()
        service.join(60)
        assert not service.is_alive()


def test_it_ends_when_no_host_asks_but_not_before_all_have_it(file: Path) -> None:
    file.write_bytes(bytes(50_000_000))
    with socket.create_server((HOST, 0)) as server, file.open("rb") as content:
        service = threading.Thread(target=hand_on.serve, args=(server, content, [PEER], 0.2))
        slow = connect(server.getsockname()[1], PEER)
        service.start()
        assert slow.recv(1)
        time.sleep(1)
        assert service.is_alive()
        assert len(received(slow)) == 50_000_000 - 1
        service.join(60)
        assert not service.is_alive()


def test_what_serves_something_else_is_named_and_fills_no_disk(
    file: Path, port: int, tmp_path: Path
) -> None:
    try:
        taken = tmp_path / "taken"
        with pytest.raises(hand_on.HandOnError, match="ended the connection too early"):
            hand_on.take(f"{HOST}:{port}", STRANGER, str(taken), len(CONTENT))
        with pytest.raises(hand_on.HandOnError, match="ended the connection too early"):
            hand_on.take(f"{HOST}:{port}", PEER, str(taken), len(CONTENT) + 1)
        hand_on.take(f"{HOST}:{port}", PEER, str(taken), 1000)
        assert taken.read_bytes() == CONTENT[:1000]
    finally:
        stop(file)


def test_a_host_that_is_slow_for_ever_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_on, "WHOLE_S", 0.2)
    with socket.create_server((HOST, 0)) as server:
        source = f"{HOST}:{server.getsockname()[1]}"
        with pytest.raises(hand_on.HandOnError, match=f"{source} does not serve the archive"):
            hand_on.take(source, PEER, str(tmp_path / "taken"), 1)


def test_a_host_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        source = f"{HOST}:{server.getsockname()[1]}"
    with pytest.raises(hand_on.HandOnError, match=f"{source} does not serve the archive"):
        hand_on.take(source, PEER, str(tmp_path / "taken"), 1)


def test_a_disk_that_takes_no_file_is_no_fault_of_the_other_host(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory"):
        hand_on.take(f"{HOST}:1", PEER, str(tmp_path), 1)
