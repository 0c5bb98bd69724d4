"""Runs one command of the package: ``python3 -I adbray_host-DIGEST.pyz COMMAND [ARGUMENT...]``."""

from __future__ import annotations

import sys
from importlib import import_module

# Each is a module with a function ``main``, which gets the arguments; only it is imported.
COMMANDS = {
    "cores": "cores",
    "cuda-client": "gpu_share.client",
    "disks": "upkeep.watch",
    "gate": "gate.answer",
    "gpu-share": "gpu_share.cut",
    "keeper": "keeper.run",
    "logs": "kept_logs",
    "metrics": "metrics",
    "start-head": "start.head",
    "start-redis": "start.redis",
    "start-worker": "start.worker",
    "store-memory": "store_memory",
    "usage": "usage",
}


def main(words: list[str]) -> int:
    if not words or words[0] not in COMMANDS:
        print("commands: " + " ".join(sorted(COMMANDS)), file=sys.stderr)
        return 2
    return int(import_module("adbray_host." + COMMANDS[words[0]]).main(words[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
