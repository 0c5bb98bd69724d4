"""Ask for resources and tell where each task ran: demand.py COUNT HOLD_S OPTIONS [STRATEGY].

All tasks run at once, for HOLD_S after the last has begun. With a STRATEGY the tasks are the
bundles of a placement group.
"""

import asyncio
import json
import os
import sys
import time

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

count, hold_s, options = int(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3])
strategy = sys.argv[4] if len(sys.argv) > 4 else None

ray.init(log_to_driver=False)


@ray.remote(num_cpus=0)
class Gate:
    """Opens when all have come."""

    def __init__(self) -> None:
        self.come, self.open = 0, asyncio.Event()

    async def arrive(self) -> None:
        self.come += 1
        if self.come == count:
            self.open.set()
        await self.open.wait()


@ray.remote(max_retries=0)
def hold(asked_at: float, gate: ray.actor.ActorHandle) -> tuple[str, float]:
    waited = time.time() - asked_at
    ray.get(gate.arrive.remote())
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
    # Beside this program: another node may just have been lost, which Ray learns later.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    task, gate = hold.options(**options), Gate.options(scheduling_strategy=here).remote()
    found = ray.get([task.remote(began, gate) for _ in range(count)])
print("ran " + json.dumps(found), flush=True)
