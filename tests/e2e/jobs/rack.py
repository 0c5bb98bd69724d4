"""rack.py make|look: detached actors that outlive their job, and what is there of them later."""

import sys
import time

import ray

ray.init(log_to_driver=False, namespace="e2e")


@ray.remote(num_cpus=0.1)
class Kept:
    def answer(self) -> int:
        return 42


if sys.argv[1] == "make":
    for name, restarts in (("restarts", -1), ("stays-dead", 0)):
        options = {"name": name, "lifetime": "detached", "max_restarts": restarts}
        assert ray.get(Kept.options(**options).remote().answer.remote()) == 42
else:
    ends_at = time.monotonic() + 60
    while ray.util.list_named_actors() != ["restarts"] and time.monotonic() < ends_at:
        time.sleep(0.5)
    assert ray.util.list_named_actors() == ["restarts"], ray.util.list_named_actors()
    assert ray.get(ray.get_actor("restarts").answer.remote()) == 42
    ray.kill(ray.get_actor("restarts"))
