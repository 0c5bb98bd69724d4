#!/bin/sh
# Ray's autoscaler v2 calls demand infeasible that only waits for its turn.
#
# Versions: ray 2.60.0 (2.54.0 as well), Python 3.11.
# Expected: with all three nodes of a type running and busy, a task of one CPU waits. It fits the type,
#   so it is not infeasible.
# Seen: the scheduler returns it as infeasible, because no further node may be added. Jobs print "No
#   available node types can fulfill resource requests ... Add suitable node types to this cluster", once
#   per tick, though all of their tasks run in the end. Neither the configuration nor the node provider
#   can say more: what the scheduler knows of a type is its resources, labels and maximum.
# Exits 1 when the scheduler answers otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ray[default]==2.60.0"
"$folder/venv/bin/python" - <<'PYTHON'
from ray.autoscaler.v2.instance_manager.config import NodeTypeConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.schema import AutoscalerInstance
from ray.core.generated.autoscaler_pb2 import NodeState, ResourceRequest, ResourceRequestByCount
from ray.core.generated.instance_manager_pb2 import Instance


def busy(number):
    node = NodeState(total_resources={"CPU": 1}, available_resources={"CPU": 0})
    instance = Instance(
        instance_id=str(number), instance_type="small", status=Instance.RAY_RUNNING
    )
    return AutoscalerInstance(str(number), node, instance)


reply = ResourceDemandScheduler().schedule(
    SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs={"small": NodeTypeConfig("small", 0, 3, resources={"CPU": 1})},
        current_instances=[busy(number) for number in range(3)],
        resource_requests=[
            ResourceRequestByCount(request=ResourceRequest(resources_bundle={"CPU": 1}), count=5)
        ],
    )
)
found = len(reply.infeasible_resource_requests)
print(f"5 tasks of 1 CPU, 3 busy nodes of 1 CPU, at most 3: {found} called infeasible")
raise SystemExit(0 if found == 5 else 1)
PYTHON
