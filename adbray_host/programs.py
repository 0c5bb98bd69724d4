"""Programs of the host, run to their end and within a time."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import NamedTuple

DIRS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Done(NamedTuple):
    """How a program ended; ``status`` is -1 where it did not run, or took too long."""

    status: int
    output: str
    complaint: str


def path_of(program: str) -> str | None:
    return shutil.which(program, path=DIRS)


def run(*command: str, within_s: float) -> Done:
    """Run it with English messages and nothing to read."""
    path = path_of(command[0])
    if path is None:
        return Done(-1, "", command[0] + " is not installed")
    try:
        done = subprocess.run(
            [path, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=within_s,
            check=False,
            env=dict(os.environ, LC_ALL="C", PATH=DIRS),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Done(-1, "", str(error))
    complaint = done.stderr.decode(errors="replace").strip()
    return Done(done.returncode, done.stdout.decode(errors="replace"), complaint)


def output(*command: str, within_s: float) -> str:
    """What it prints; nothing where it is not there, fails, or takes too long."""
    done = run(*command, within_s=within_s)
    return done.output if done.status == 0 else ""


def said(*command: str, within_s: float = 20) -> str:
    """What it prints, its complaints too and in their place; or why it did not run."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=within_s,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return "%s: %s\n" % (command[0], error)
    return done.stdout.decode("utf-8", "replace")
