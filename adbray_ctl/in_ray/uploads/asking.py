"""What the store says of its memory, asked by a program beside Ray's processes.

Ray's processes have the group's packages, of which any may be called `redis` or bring another one;
the program has the host's own Python and what adbray bundles (docs/adr/0061).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# The role host_base installs it.
PROGRAM = ["/usr/bin/python3", "-I", "-S", "/usr/local/lib/adbray/adbray_host.pyz"]
# Longer than it waits for Redis itself.
WITHIN_S = 15.0


def memory(config: Path) -> str:
    """Redis' INFO of its memory; ``config`` is the keeper's. OSError if there is no answer."""
    try:
        done = subprocess.run(
            [*PROGRAM, "store-memory", str(config)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
            # None of the group's settings either.
            env={"PATH": "/usr/bin:/bin"},
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"no answer within {WITHIN_S:g} s") from error
    if done.returncode != 0:
        raise ConnectionError(done.stderr.strip() or f"exit status {done.returncode}")
    return done.stdout
