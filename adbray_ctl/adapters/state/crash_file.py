"""Files about faults of adbray itself: the traceback of an error that no code expected."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from adbray_ctl.adapters.state.own_file import create
from adbray_ctl.adapters.state.secret_files import SecretFiles
from adbray_ctl.core.redaction import Redactor, secret_parts

_KEPT = 20


class CrashFiles:
    """CrashReports in the directory ``state``; the newest 20 are kept.

    A directory that is no project does not become one: its file goes to where temporary files are.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    def write(self, trace: str, now: float) -> Path:
        state = self._state
        folder = state if state.is_dir() else Path(tempfile.mkdtemp(prefix="adbray-"))
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
        path = folder / f"crash-{stamp}.{int(now * 1e6) % 1_000_000:06}Z.log"
        with create(path) as file:
            file.write(_redactor(state).text(trace).encode(errors="backslashreplace"))
        for old in sorted(folder.glob("crash-*.log"))[:-_KEPT]:
            old.unlink(missing_ok=True)
        return path


def _redactor(state: Path) -> Redactor:
    """Of all secret files of the project."""
    texts = SecretFiles(state, state, state).all(())
    return Redactor(part for text in texts for part in secret_parts(text))
