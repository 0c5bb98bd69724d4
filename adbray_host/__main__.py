"""Runs one command of the package: ``python3 -I adbray_host-DIGEST.pyz COMMAND [ARGUMENT...]``."""

from __future__ import annotations

import sys
from importlib import import_module

# Each is a module with a function ``main``, which gets the arguments; only it is imported.
COMMANDS = {
    "break": "drill.fault",
    "clean": "cleaning.answer",
    "collect": "collect",
    "cuda": "gpus.cuda",
    "drill-watch": "drill.watch",
    "fix": "fix",
    "gpus": "gpus.reading",
    "head-state": "head_state",
    "lease": "lease",
    "leftovers": "leftovers",
    "load": "load",
    "nodes": "nodes",
    "observe": "observe.answer",
    "preflight": "preflight.answer",
    "read-logs": "read_logs",
    "read-usage": "read_usage",
    "redis": "redis_check",
}


def main(words: list[str]) -> int:
    if not words or words[0] not in COMMANDS:
        print("commands: " + " ".join(sorted(COMMANDS)), file=sys.stderr)
        return 2
    return int(import_module("adbray_host." + COMMANDS[words[0]]).main(words[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
