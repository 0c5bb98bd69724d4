"""How long tasks wait for new workers, told by the tasks themselves; all hosts share one clock.

scale_up.py ours COUNT ROUNDS: in each round COUNT tasks at once, each on a worker of its own.
scale_up.py theirs ROUNDS: a node with the resource `peerN` is started by somebody else in round N.
scale_up.py together COUNT: as many nodes with the resource `peer` are started by somebody else.
"""

import json
import sys
import time
from typing import Any

import ray

HOLD_S = 12.0

ray.init(log_to_driver=False)


def workers() -> list[dict[str, Any]]:
    return [
        node
        for node in ray.nodes()
        if node["Alive"] and "node:__internal_head__" not in node["Resources"]
    ]


@ray.remote(num_cpus=1, max_retries=0)
def begun(hold_s: float) -> float:
    at = time.time()
    time.sleep(hold_s)
    return at


def show(key: str, value: Any) -> None:
    print(f"{key} {json.dumps(value)}", flush=True)


if sys.argv[1] == "ours":
    count, rounds = int(sys.argv[2]), int(sys.argv[3])
    for _ in range(rounds):
        while workers():
            time.sleep(0.2)
        # The unit of a worker that Ray has drained is stopped a moment later.
        time.sleep(4)
        asked = time.time()
        started = ray.get([begun.remote(HOLD_S if count > 1 else 0) for _ in range(count)])
        show("waited", max(started) - asked)
elif sys.argv[1] == "together":
    task = begun.options(num_cpus=0, resources={"peer": 1})
    show("together", max(ray.get([task.remote(HOLD_S) for _ in range(int(sys.argv[2]))])))
else:
    for number in range(int(sys.argv[2])):
        resource = f"peer{number}"
        while not any(resource in node["Resources"] for node in workers()):
            time.sleep(0.02)
        joined = time.time()
        at = ray.get(begun.options(num_cpus=0, resources={resource: 1}).remote(0))
        show("peer", [joined, at])
show("ran", True)
