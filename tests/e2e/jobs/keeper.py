"""A detached actor that may be restarted: make it, or ask the one there is. Tells Ray's version."""

import sys

import ray


@ray.remote(num_cpus=0.1, max_restarts=-1)
class Keeper:
    def version(self) -> str:
        return str(ray.__version__)


ray.init(namespace="soak")
if sys.argv[1] == "make":
    keeper = Keeper.options(name="keeper", lifetime="detached").remote()
else:
    keeper = ray.get_actor("keeper")
print("ray", ray.get(keeper.version.remote(), timeout=60))
