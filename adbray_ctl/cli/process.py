"""The process around a command line: its streams, and what no code of ours prints.

Libraries log, warn and end threads as they like. What a user must know of it is in our own errors;
the rest never reaches the screen. An error that no code expected goes to a file.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import NoReturn

from adbray_ctl import wiring
from adbray_ctl.cli.render.errors import print_fault

_directory = Path()


def prepare() -> None:
    """Set up the process, before anything is read or printed."""
    _open_streams()
    logging.disable(logging.CRITICAL)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    threading.excepthook = _ended_thread
    # Errors of what is being thrown away: nobody can do anything about them.
    sys.unraisablehook = lambda _: None
    for number in (signal.SIGTERM, signal.SIGHUP):
        # One that is ignored stays so: `nohup` asks for that.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def report_into(directory: Path) -> None:
    """Keep files about faults in the project of ``directory``."""
    global _directory  # noqa: PLW0603 - the hooks of a process have no other way to know it
    _directory = directory


def report(error: BaseException) -> None:
    """Write the traceback of ``error`` to a file and say so in one line. Never raises."""
    trace = "".join(traceback.format_exception(error))
    try:
        path = wiring.crash_reports(_directory).write(trace, time.time())
    except Exception:  # noqa: BLE001 - a full disk must not hide the fault itself
        path = None
    print_fault(error, path)


def _interrupt(number: int, _frame: object) -> NoReturn:
    """End as by Ctrl-C, which also ends the programs that a command has started.

    A second signal ends the process at once.
    """
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt


def _ended_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        report(ended.exc_value)


def _open_streams() -> None:
    """Make the three streams usable, whatever they are connected to.

    The number of a closed one would go to the next file that is opened, a database for instance.
    A character that the terminal's encoding lacks is written as Python writes it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # The lowest free number, so it is this one.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
