"""The scripts that run on hosts: real ones, run on this machine by its own python3."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import adbray_ctl.adapters
from adbray_ctl.core.readings import FixOutcome, HostFixResults, HostReadings

FOLDER = Path(adbray_ctl.adapters.__file__).parent


def run(script: str, argument: dict[str, Any]) -> Any:
    command = [sys.executable, "-", json.dumps(argument)]
    text = (FOLDER / script).read_text()
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize("script", ["check_script.py", "fix_script.py", "probe_script.py"])
def test_the_oldest_python_of_hosts_can_read_it(script: str) -> None:
    ast.parse((FOLDER / script).read_text(), feature_version=(3, 7))


def test_check_reads_this_machine() -> None:
    readings = HostReadings.model_validate(run("check_script.py", {"names": ["localhost"]}))
    assert readings.memory.total_mb > 0
    assert readings.data_disk.total_gb > 0
    assert readings.names.unresolved == ()
    assert readings.python == ".".join(map(str, sys.version_info[:3]))
    assert 0 < readings.took_s < 30


def test_fix_keeps_what_is_good() -> None:
    argument = {"fixes": ["inotify"], "sysctls": {"fs.inotify.max_user_instances": 1}}
    answer = {**run("fix_script.py", argument), "host": "here"}
    results = HostFixResults.model_validate(answer).results
    assert [result.outcome for result in results] == [FixOutcome.KEPT]


def test_fix_tells_why_it_cannot() -> None:
    argument = {"fixes": ["inotify"], "sysctls": {"fs.inotify.nosuch": 1}}
    answer = {**run("fix_script.py", argument), "host": "here"}
    (result,) = HostFixResults.model_validate(answer).results
    assert result.outcome is FixOutcome.FAILED
    assert "/proc/sys/fs/inotify/nosuch" in result.detail
