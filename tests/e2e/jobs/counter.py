"""A detached actor on a worker: create it, or count once more and remove it."""

import sys

import ray


@ray.remote(num_cpus=1, max_restarts=0)
class Counter:
    def __init__(self) -> None:
        self.value = 0

    def add(self) -> int:
        self.value += 1
        return self.value


ray.init(namespace="e2e")
if sys.argv[1] == "create":
    actor = Counter.options(name="counter", lifetime="detached").remote()
    print("counter", ray.get(actor.add.remote()))
else:
    actor = ray.get_actor("counter")
    print("counter", ray.get(actor.add.remote()))
    ray.kill(actor)
