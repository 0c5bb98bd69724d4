"""Keep a place by a detached actor: claim.py take NAME OPTIONS, claim.py wait|drop NAME.

Its creation is the head's own business: it outlives this job, and a head that was killed.
"""

import json
import os
import sys

import ray

verb, name = sys.argv[1:3]

ray.init(log_to_driver=False, namespace="claims")


@ray.remote(max_restarts=-1)
class Claim:
    def slot(self) -> str:
        return os.environ["RAY_CLOUD_INSTANCE_ID"].split(".")[0]


if verb == "take":
    options = json.loads(sys.argv[3])
    Claim.options(name=name, lifetime="detached", get_if_exists=True, **options).remote()
elif verb == "wait":
    print("ran " + json.dumps(ray.get(ray.get_actor(name).slot.remote(), timeout=120)))
else:
    ray.kill(ray.get_actor(name))
