"""The screen, as a process: who may write to it, and what never reaches it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
import pytest

from adbray_ctl.cli import app

ROOT = Path(__file__).resolve().parents[2]
# adbray as its entry runs it, with one more command.
FAULTY = """
import sys, threading
from adbray_ctl.cli import app

@app.cli.command()
def faulty():
    {body}

sys.argv = ["adbray", *sys.argv[1:]]
app.entry()
"""


def adbray(
    *arguments: str,
    body: str = "pass",
    stdout: IO[str] | int = subprocess.PIPE,
    stderr: IO[str] | int = subprocess.PIPE,
    env: dict[str, str] | None = None,
    encoding: str = "utf-8",
) -> subprocess.CompletedProcess[str]:
    """A process that runs a command line; ``body`` is what the command ``faulty`` does."""
    return subprocess.run(
        [sys.executable, "-c", FAULTY.format(body=body), *arguments],
        stdout=stdout,
        stderr=stderr,
        env=env,
        encoding=encoding,
        timeout=120,
        check=False,
    )


# --- who may write to it

PLANTS = """\
import sys
import click
import rich
from click import echo
from rich.console import Console
from rich.table import Table
click.echo("x")
click.secho("x")
click.style("x")
click.confirm("x")
click.prompt("x")
print("x")
sys.stdout.write("x")
sys.stderr.write("x")
"""
HARMLESS = {"import sys", "import click"}


@pytest.mark.parametrize("folder", ["cli/commands", "cli/render", "services"])
def test_lint_refuses_each_print_that_is_planted(folder: str) -> None:
    file = f"adbray_ctl/{folder}/planted.py"
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "json"]
    done = subprocess.run(
        [*command, "--stdin-filename", file, "-"],
        cwd=ROOT,
        input=PLANTS,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    refused = {one["location"]["row"] for one in found if one["code"] in {"TID251", "T201"}}
    lines = PLANTS.splitlines()
    assert {lines[row - 1] for row in refused} == set(lines) - HARMLESS


# --- faults of adbray itself


def end(error: BaseException, *arguments: str) -> int:
    """The exit code of a command that ends with ``error``."""

    @click.command()
    def faulty() -> None:
        raise error

    app.cli.add_command(faulty)
    try:
        return app.run([*arguments, "faulty"])
    finally:
        del app.cli.commands["faulty"]


@pytest.mark.parametrize(
    "error",
    [
        KeyError("d[k]"),
        ValueError("a\x1b[31m\nb\udcff"),
        RecursionError(),
        MemoryError(),
        EOFError("the host hung up"),
        ExceptionGroup("two", [ValueError(1), ValueError(2)]),
    ],
)
def test_a_fault_is_one_line_and_a_file(
    error: Exception, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".adbray").mkdir()
    assert end(error, "-C", str(tmp_path)) == 70
    out, err = capsys.readouterr()
    (file,) = (tmp_path / ".adbray").glob("crash-*.log")
    assert (out, err.count("\n")) == ("", 1)
    assert f"adbray has a fault, {type(error).__name__} in test_screen.py:" in err
    assert str(file) in err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "Traceback (most recent call last)" in file.read_text()


def test_a_file_about_a_fault_has_no_secrets_and_is_no_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = tmp_path / ".adbray" / "secrets" / "demo"
    secrets.mkdir(parents=True)
    (secrets / "token").write_text("5ecre7-5ecre7-5ecre7")
    for number in range(25):
        (tmp_path / ".adbray" / f"crash-20200101T0000{number:02}.000000Z.log").touch()
    end(ValueError("5ecre7-5ecre7-5ecre7"), "-C", str(tmp_path))
    files = sorted((tmp_path / ".adbray").glob("crash-*.log"))
    assert len(files) == 20
    assert "ValueError: ***" in files[-1].read_text()
    assert "5ecre7" not in files[-1].read_text() + capsys.readouterr().err


def test_a_directory_does_not_become_a_project_by_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    temporary, project = tmp_path / "temporary", tmp_path / "project"
    temporary.mkdir()
    project.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert end(KeyError(), "-C", str(project)) == 70
    assert not list(project.iterdir())
    (file,) = temporary.rglob("crash-*.log")
    assert str(file) in capsys.readouterr().err


def test_a_fault_that_cannot_be_written_down_is_a_line_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert end(KeyError(), "-C", str(tmp_path)) == 70
    assert "no file could be written" in capsys.readouterr().err


def test_a_host_that_goes_while_it_is_written_to_is_a_failure(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert end(BrokenPipeError(32, "Broken pipe"), "-C", str(tmp_path)) == 1
    assert capfd.readouterr().err == "error: Broken pipe\n"


def test_a_thread_with_a_fault_is_reported_the_same_way(tmp_path: Path) -> None:
    (tmp_path / ".adbray").mkdir()
    body = "t = threading.Thread(target=lambda: [][7]); t.start(); t.join(); raise SystemExit(5)"
    done = adbray("-C", str(tmp_path), "faulty", body=body)
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1
    assert "adbray has a fault, IndexError" in done.stderr
    assert len(list((tmp_path / ".adbray").glob("crash-*.log"))) == 1


# --- libraries

LOUD = """
    import asyncio, logging, warnings
    import ray
    class Broken:
        def __del__(self):
            raise ValueError
    logging.getLogger("paramiko.transport").error("[/x] says a library")
    logging.getLogger("ray").error("says a library")
    logging.getLogger().critical("says a library")
    logging.basicConfig()
    logging.getLogger("ansible-runner").critical("says a library")
    warnings.warn("says a library")
    warnings.warn("says a library", DeprecationWarning)
    broken = Broken()
    del broken
    asyncio.new_event_loop().call_exception_handler({"message": "says a library"})
"""


def test_what_libraries_log_reaches_no_screen() -> None:
    done = adbray("faulty", body=LOUD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@contextmanager
def hanging_up() -> Iterator[int]:
    """A port that accepts and closes: sshd with too many guests, or no sshd at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


ASKING = """
    from adbray_ctl.cli.app import run
    for command in (["status"], ["status", "main"], ["check"], ["orphans"], ["plan"]):
        run(["-C", "{}", *command])
"""


def test_a_host_that_hangs_up_is_one_error_of_ours(tmp_path: Path) -> None:
    with hanging_up() as port:
        assert app.run(["-C", str(tmp_path), "init", f"127.0.0.1:{port}"]) == 0
        done = adbray("faulty", body=ASKING.format(tmp_path))
    told = done.stdout + done.stderr
    assert told.count("host1") >= 5
    for alien in ("Traceback", "paramiko", "Exception", "Error reading SSH protocol banner\\n"):
        assert alien not in told
    assert not list((tmp_path / ".adbray").glob("crash-*.log"))


# --- streams

# A table goes another way than lines do.
BROKEN = """
    from adbray_ctl.cli.render.screen import Table, say
    table = Table("x")
    table.add("y")
    while True:
        say(table)
"""


@pytest.mark.parametrize("arguments", ["--help", "schema group", "faulty"])
def test_a_reader_that_goes_is_no_failure(arguments: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FAULTY.format(body=BROKEN), *arguments.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize("arguments", ["--help", "schema group"])
def test_a_full_disk_under_the_output_is_said(arguments: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = adbray(*arguments.split(), stdout=full)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "error: No space left on device")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_where_errors_cannot_be_written_the_code_says_it(unbuffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        assert adbray("nosuch", stderr=full, env=environment).returncode == 1


@pytest.mark.parametrize("closed", ["<&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    """Their numbers go to no file of the project: what is printed would land in it."""
    assert app.run(["-C", str(tmp_path), "init", "10.0.0.1"]) == 0
    command = f'exec "$0" -m adbray_ctl -C "$1" history {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("" if " >&-" in closed else "no runs yet\n")


PRINTING = """
    from adbray_ctl.cli.render.screen import Table, print_json, say
    say("中é")
    say(Table("中"))
    print_json({"a": "中"})
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_a_character_gets_its_number(encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = adbray("faulty", body=PRINTING, env=environment, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    lacking = "中é".encode(encoding, errors="backslashreplace").decode(encoding)
    assert done.stdout.splitlines()[0] == lacking
    assert r'"a": "\u4e2d"' in done.stdout
