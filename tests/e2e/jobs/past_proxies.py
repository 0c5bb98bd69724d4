"""Ask the head in every way that Ray has, from a driver and from a worker; a proxy may see none."""

from __future__ import annotations

import ray
from ray.job_submission import JobSubmissionClient
from ray.util.state import list_nodes


@ray.remote(num_cpus=0.1)
def nodes_seen_by_a_worker() -> int:
    return len(list_nodes())


ray.init(log_to_driver=False)
client = JobSubmissionClient()
inner = client.submit_job(entrypoint="echo inner")
print("driver sees", len(list_nodes()), "and its own job", client.get_job_info(inner).entrypoint)
print("worker sees", ray.get(nodes_seen_by_a_worker.remote()))
