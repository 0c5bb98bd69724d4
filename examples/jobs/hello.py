"""A first job: one task for each worker, then where they ran."""

import platform

import ray


@ray.remote(num_cpus=1)
def where() -> str:
    node = ray.get_runtime_context().get_node_id()[:8]
    return f"hello from {platform.node()} (Ray node {node}, Python {platform.python_version()})"


ray.init()
cpus = int(ray.cluster_resources()["CPU"])
for line in sorted(set(ray.get([where.remote() for _ in range(4 * cpus)]))):
    print(line)
