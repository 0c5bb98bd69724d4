"""A drill's driver, under the group's Ray: calls an actor and a task again and again.

Arguments: the GCS's address, the seconds between two calls, and after how many seconds a call is
given up. It prints how each call went, a line of JSON each, until its standard input ends.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

NAME = "watched-%d" % os.getpid()
PRINTING = threading.Lock()


class Counter:
    """The actor that is called: it lives on this node and is never started again."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> int:
        self.count += 1
        return self.count


def repeat(kind: str, work: Callable[[], int], every_s: float) -> None:
    while True:
        began, value, error = time.monotonic(), 0, ""
        try:
            value = work()
        except Exception as caught:
            error = "%s: %s" % (type(caught).__name__, str(caught).splitlines()[:1])
        line = {"kind": kind, "took": time.monotonic() - began, "value": value, "error": error}
        with PRINTING:
            # In one piece: Ray's own complaints come this way too.
            sys.stdout.write(json.dumps(line) + "\n")
        time.sleep(every_s)


def main(address: str, every_s: float, within_s: float) -> None:
    ray.init(
        address=address, namespace="adbray-drill", log_to_driver=False, logging_level=logging.ERROR
    )
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    placed: dict[str, Any] = {"num_cpus": 0, "scheduling_strategy": here}
    actor: Any = ray.remote(max_restarts=0, **placed)(Counter)
    counter = actor.options(name=NAME).remote()

    def call() -> int:
        found: int = ray.get(counter.add.remote(), timeout=within_s)
        return found

    # A worker remembers the actors it has looked up once; the list is always GCS' own.
    def look_up_and_call() -> int:
        if NAME not in ray.util.list_named_actors():
            raise LookupError("the actor is not listed")
        return call()

    # A new function each time, which goes by GCS, as those of a new driver do.
    def run_a_task() -> int:
        task: Any = ray.remote(max_retries=0, **placed)(lambda: 1)
        found: int = ray.get(task.remote(), timeout=within_s)
        return found

    for kind, work in (("held", call), ("actor", look_up_and_call), ("task", run_a_task)):
        threading.Thread(target=repeat, args=(kind, work, every_s), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
