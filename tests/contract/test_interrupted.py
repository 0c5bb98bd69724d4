"""A command that is interrupted ends with 130, one line, and nothing left running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

FLEET = """\
kind: Fleet
ssh: {{connect_timeout_s: 100}}
sizes: {{nano: {{cpus: 1, memory_gb: 1}}}}
hosts: [{{name: mute, address: 127.0.0.1, ssh: {{port: {port}}}}}]
"""
# What runs the tests may ignore signals, and its children would too.
ADBRAY = ["env", "--default-signal", sys.executable, "-m", "adbray_ctl"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_waits_for_a_host_is_ended(tmp_path: Path, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (tmp_path / "fleet.yml").write_text(FLEET.format(port=port))
        command = subprocess.Popen(
            [*ADBRAY, "-C", str(tmp_path), "status"], stderr=subprocess.PIPE, text=True
        )
        listener.settimeout(60)
        # It is connected, and gets no answer.
        with listener.accept()[0]:
            command.send_signal(number)
            # Long before its time is over.
            _, said = command.communicate(timeout=30)
    assert command.returncode == 130
    assert said.strip() == "interrupted"


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    ended = subprocess.run(
        ["nohup", *ADBRAY[2:], "version"],
        capture_output=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0


def test_it_may_be_interrupted_while_it_loads(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    ended = subprocess.run(
        [*ADBRAY, "version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert (ended.returncode, ended.stderr) == (130, "")
