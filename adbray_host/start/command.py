"""The command `start-ray WORD...`: the command `ray` in this process, with what it needs alone.

It runs under the group's Python. Of the 0.7 s of CPU that the command takes to load, 0.3 s are for
commands that start nothing. They are left out as in an installation of Ray without its extras,
where they cannot be imported (the end of ray/scripts/scripts.py, Ray 2.60).
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

_OTHERS = ("ray.dashboard.modules.job.cli", "ray.serve.scripts", "ray.util.state.state_cli")


def main(words: list[str]) -> int:
    modules: dict[str, Any] = sys.modules
    for name in _OTHERS:
        # By which Python refuses an import (reference, "The import system", 5.3.1).
        modules[name] = None
    # What is bundled with this program is not Ray's.
    sys.path[:] = [path for path in sys.path if path != sys.argv[0]]
    sys.argv = ["ray", *words]
    scripts: Any = import_module("ray.scripts.scripts")
    code = 0
    try:
        scripts.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    # What runs is left as it is, and so is what was loaded: to unload it takes 0.2 s.
    os._exit(code)
