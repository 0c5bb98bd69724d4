"""Ask for resources and tell where each task ran: demand.py COUNT HOLD_S OPTIONS [STRATEGY].

With a STRATEGY the tasks are the bundles of a placement group.
"""

import json
import os
import sys
import time

import ray
from ray.util.placement_group import placement_group

count, hold_s, options = int(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3])
strategy = sys.argv[4] if len(sys.argv) > 4 else None

ray.init(log_to_driver=False)


@ray.remote(max_retries=0)
def hold(asked_at: float) -> tuple[str, float]:
    waited = time.time() - asked_at
    time.sleep(hold_s)
    return os.environ["RAY_CLOUD_INSTANCE_ID"].split(".")[0], waited


began = time.time()
if strategy:
    group = placement_group([{"CPU": options["num_cpus"]}] * count, strategy=strategy)
    ray.get(group.ready())
    placed = group.bundle_specs and ray.util.placement_group_table(group)["bundles_to_node_id"]
    slots = {n["NodeID"]: n["Labels"].get("adbray.io/slot", "head") for n in ray.nodes()}
    found = [(slots[node], time.time() - began) for node in placed.values()]
    time.sleep(hold_s)
else:
    task = hold.options(**options)
    found = ray.get([task.remote(began) for _ in range(count)])
print("ran " + json.dumps(found), flush=True)
