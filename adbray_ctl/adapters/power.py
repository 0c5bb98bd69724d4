"""Runs a host's power driver on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from adbray_ctl.core.errors import HostError

_WITHIN_S = 60


class LocalPower:
    """PowerDriver by local programs, without a shell."""

    def run(self, host: str, words: Sequence[str]) -> None:
        hint = "its `power` in fleet.yml needs the program and its access here as on the head"
        try:
            done = subprocess.run(
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_WITHIN_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HostError(f"its power driver failed: {error}", where=host, hint=hint) from error
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace").strip()[-300:]
            what = f"its power driver {words[0]} ended with {done.returncode}: {said}"
            raise HostError(what, where=host, hint=hint)
