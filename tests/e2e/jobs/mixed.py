"""mixed.py SECONDS SEED: tasks, actors and objects for so long; every answer is looked at.

What a fault takes, Ray may run again; a wrong answer ends the job with the word WRONG.
"""

import random
import sys
import time

import ray

dice = random.Random(int(sys.argv[2]))
ray.init(log_to_driver=False)


@ray.remote(num_cpus=0.1, max_retries=-1)
def square(value: int) -> int:
    time.sleep(dice.uniform(0, 0.2))
    return value * value


@ray.remote(num_cpus=0.1, max_retries=-1)
def make(size: int, value: int) -> bytes:
    return bytes([value]) * size


@ray.remote(num_cpus=0.1, max_restarts=-1, max_task_retries=-1)
class Adder:
    """Keeps nothing, so that a restart changes no answer."""

    def add(self, one: int, other: int) -> int:
        return one + other


def expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        sys.exit(f"WRONG: {what}")


adder = Adder.remote()
ends_at = time.monotonic() + float(sys.argv[1])
answers = 0
while time.monotonic() < ends_at:
    values = [dice.randrange(1000) for _ in range(4)]
    expect(ray.get([square.remote(v) for v in values]), [v * v for v in values], "tasks")
    size, byte = dice.randrange(1, 1 << 20), dice.randrange(256)
    expect(ray.get(make.remote(size, byte)), bytes([byte]) * size, "object")
    expect(ray.get(adder.add.remote(size, byte)), size + byte, "actor")
    answers += 6
print(f"right {answers}", flush=True)
