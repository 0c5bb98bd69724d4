"""Serves, on all nodes, the name that is its argument."""

import sys

from ray import serve
from starlette.requests import Request

NAME = sys.argv[1]


@serve.deployment(num_replicas=1, ray_actor_options={"num_cpus": 0.1})
class Says:
    def __call__(self, _request: Request) -> str:
        return NAME


serve.start(proxy_location="EveryNode", http_options={"host": "0.0.0.0"})  # noqa: S104
serve.run(Says.bind(), name=NAME)
