"""Tries an environment of Ray: one node, one task, one object through the object store.

The argument is the version that should be there.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import ray

SIZE = 10**6


def size(data: bytes) -> int:
    return len(data)


def main(version: str) -> None:
    if ray.__version__ != version:
        sys.exit("the environment holds Ray " + ray.__version__)
    ray.init(
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    task: Any = ray.remote(size)
    found = ray.get(task.remote(ray.put(bytes(SIZE))), timeout=60)
    ray.shutdown()
    sys.exit(0 if found == SIZE else "a task gave a wrong result")


if __name__ == "__main__":
    main(sys.argv[1])
