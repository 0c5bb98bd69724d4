"""rack.py make|look: detached actors that outlive their job, and what is there of them later."""

import sys
import time

import ray
from ray.exceptions import ActorUnavailableError

ray.init(log_to_driver=False, namespace="e2e")


@ray.remote(num_cpus=0.1)
class Kept:
    def answer(self) -> int:
        return 42


def answer_of(name: str, within_s: float) -> int:
    """Ask until it is there: Ray tells of an actor whose node it has not given up yet as away."""
    ends_at = time.monotonic() + within_s
    while True:
        try:
            return int(ray.get(ray.get_actor(name).answer.remote()))
        except ActorUnavailableError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.5)


if sys.argv[1] == "make":
    for name, restarts in (("restarts", -1), ("stays-dead", 0)):
        options = {"name": name, "lifetime": "detached", "max_restarts": restarts}
        assert ray.get(Kept.options(**options).remote().answer.remote()) == 42
else:
    ends_at = time.monotonic() + 60
    while ray.util.list_named_actors() != ["restarts"] and time.monotonic() < ends_at:
        time.sleep(0.5)
    assert ray.util.list_named_actors() == ["restarts"], ray.util.list_named_actors()
    assert answer_of("restarts", 60) == 42
    ray.kill(ray.get_actor("restarts"))
