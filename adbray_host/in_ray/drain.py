"""Has Ray drain nodes, as the head's own user: prints why it does not, as a JSON list.

Arguments: the GCS's address and the nodes' ids. The reason is "preemption" because Ray refuses to
drain a busy node for any other.
"""

from __future__ import annotations

import json
import sys

from ray import _raylet
from ray.core.generated import autoscaler_pb2


def main(address: str, nodes: list[str]) -> None:
    client = _raylet.GcsClient(address=address)  # type: ignore[attr-defined]
    reason = autoscaler_pb2.DRAIN_NODE_REASON_PREEMPTION  # type: ignore[attr-defined]
    refused = []
    for node in nodes:
        try:
            accepted, why = client.drain_node(node, reason, "adbray changes this node", 0)
        except Exception as error:
            accepted, why = False, str(error)
        if not accepted:
            refused.append(why)
    print(json.dumps(refused))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
