"""The command `start-ray WORD...`: the command `ray` in this process, with what it needs alone.

It runs under the group's Python. Of the 0.7 s of CPU that the command takes to load, 0.3 s are for
commands that start nothing. They are left out as in an installation of Ray without its extras,
where they cannot be imported (the end of ray/scripts/scripts.py, Ray 2.60).
"""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module
from typing import Any

_OTHERS = ("ray.dashboard.modules.job.cli", "ray.serve.scripts", "ray.util.state.state_cli")
# By Ray's names for them (ray_constants.py, Ray 2.60): no node waits for these to join. Ray gives a
# node 30 s for that, and where CPU is short GCS, the raylet and its agents need what there is. What
# jobs run comes after them as before: Ray starts it at 15.
_BEHIND = ("monitor", "ray_client_server", "dashboard", "log_monitor")
_NICE = 10


def main(words: list[str]) -> int:
    modules: dict[str, Any] = sys.modules
    for name in _OTHERS:
        # By which Python refuses an import (reference, "The import system", 5.3.1).
        modules[name] = None
    # What is bundled with this program is not Ray's.
    sys.path[:] = [path for path in sys.path if path != sys.argv[0]]
    sys.argv = ["ray", *words]
    scripts: Any = import_module("ray.scripts.scripts")
    put_behind(import_module("ray._private.services"))
    code = 0
    try:
        scripts.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    # What runs is left as it is, and so is what was loaded: to unload it takes 0.2 s.
    os._exit(code)


def put_behind(services: Any) -> None:
    """Have ``services``, Ray's module that starts processes, give those in _BEHIND less CPU."""
    start = services.start_ray_process

    def start_ray_process(command: list[str], process_type: str, *rest: Any, **more: Any) -> Any:
        started = start(command, process_type, *rest, **more)
        if process_type in _BEHIND:
            # It may have ended, and the unit may have a niceness of 15 itself.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, started.process.pid, _NICE)
        return started

    services.start_ray_process = start_ray_process
