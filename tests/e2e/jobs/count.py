"""count.py SECONDS: a detached actor counts on for so long; each number must follow the last one.

The actor stays for the next run, which goes on where this one ended. Told is the longest time
without an answer as well, for a caller that must find the actor first.
"""

import sys
import time

import ray

ray.init(log_to_driver=False, namespace="e2e")


@ray.remote(num_cpus=0.1)
class Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self) -> int:
        self.count += 1
        return self.count


def listed() -> bool:
    try:
        return "counter" in ray.util.list_named_actors()
    except ray.exceptions.RayError:
        return False


options = {"name": "counter", "lifetime": "detached", "get_if_exists": True}
counter = Counter.options(**options).remote()
last = ray.get(counter.add.remote())
print("from", last, flush=True)
answered_at, longest_s = time.monotonic(), 0.0
ends_at = answered_at + float(sys.argv[1])
while time.monotonic() < ends_at:
    # Ray keeps what get_actor() has found once; the list is asked of GCS each time.
    while not listed():
        time.sleep(0.1)
    now = ray.get(counter.add.remote())
    assert now == last + 1, f"{now} after {last}"
    last = now
    longest_s = max(longest_s, time.monotonic() - answered_at)
    answered_at = time.monotonic()
    time.sleep(0.2)
print("to", last, flush=True)
print(f"longest {longest_s:.2f}", flush=True)
