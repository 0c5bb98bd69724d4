"""Prints what its runtime environment brought, and the slot that the job runs in."""

import os

import ray
from lent import NAME

ray.init()
own = ray.get_runtime_context().get_node_id()
(labels,) = [node["Labels"] for node in ray.nodes() if node["NodeID"] == own]
print(NAME, os.environ["GIVEN"], os.environ["OTHER"], labels["adbray.io/slot"])
