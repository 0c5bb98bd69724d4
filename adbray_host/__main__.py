"""Runs one command of the package: ``python3 -I adbray_host-DIGEST.pyz COMMAND [ARGUMENT...]``."""

from __future__ import annotations

import sys
from importlib import import_module

# Each is a module with a function ``main``, which gets the arguments; only it is imported.
COMMANDS = {
    "break": "drill.fault",
    "clean": "cleaning.answer",
    "collect": "collect",
    "cores": "cores",
    "cuda": "gpus.cuda",
    "cuda-client": "gpu_share.client",
    "disks": "upkeep.watch",
    "drill-watch": "drill.watch",
    "fix": "fix",
    "gate": "gate.answer",
    "gpu-share": "gpu_share.cut",
    "gpus": "gpus.reading",
    "head-state": "head_state",
    "keeper": "keeper.run",
    "lease": "lease",
    "leftovers": "leftovers",
    "load": "load",
    "logs": "kept_logs",
    "metrics": "metrics",
    "nodes": "nodes",
    "observe": "observe.answer",
    "preflight": "preflight.answer",
    "read-logs": "read_logs",
    "read-usage": "read_usage",
    "redis": "redis_check",
    "start-head": "start.head",
    "start-ray": "start.command",
    "start-redis": "start.redis",
    "start-worker": "start.worker",
    "store-memory": "store_memory",
    "turns": "turns.serve",
    "usage": "usage",
}


def main(words: list[str]) -> int:
    if not words or words[0] not in COMMANDS:
        print("commands: " + " ".join(sorted(COMMANDS)), file=sys.stderr)
        return 2
    return int(import_module("adbray_host." + COMMANDS[words[0]]).main(words[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
