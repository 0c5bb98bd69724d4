"""Takes memory on one slot until Ray ends the task. Argument: the slot."""

import sys
import time

import ray
from ray.exceptions import OutOfMemoryError
from slots import on_slot


@ray.remote(num_cpus=1, max_retries=0)
def eat() -> None:
    held = []
    while True:
        held.append(b"x" * 2**26)
        time.sleep(0.05)


ray.init()
try:
    ray.get(eat.options(**on_slot(sys.argv[1])).remote())
except OutOfMemoryError:
    print("ended for memory")
