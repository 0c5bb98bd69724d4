"""200 short retriable tasks, and a chain of dependent objects through all their results."""

import time

import ray


@ray.remote(num_cpus=1, max_retries=-1)
def number(value: int) -> int:
    time.sleep(0.3)
    return value


@ray.remote(num_cpus=0.1, max_retries=-1)
def add(total: int, value: int) -> int:
    return total + value


ray.init()
total = ray.put(0)
for value in [number.remote(value) for value in range(200)]:
    total = add.remote(total, value)
print(f"sum {ray.get(total)}")
