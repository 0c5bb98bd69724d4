"""Makes objects on one slot, more than its store holds, at a steady rate until it is stopped.

Arguments: the slot, MB a second.
"""

import collections
import sys
import time

import ray
from slots import on_slot

BLOCK = 16 * 2**20
# A fifth of a GB lies on the disk at any time.
HELD = 12


@ray.remote(num_cpus=1)
def make(rate: float) -> None:
    held: collections.deque[ray.ObjectRef] = collections.deque(maxlen=HELD)
    block = bytes(BLOCK)
    began, made = time.monotonic(), 0
    while True:
        held.append(ray.put(block))
        made += BLOCK
        time.sleep(max(began + made / rate - time.monotonic(), 0))


ray.init()
ray.get(make.options(**on_slot(sys.argv[1])).remote(float(sys.argv[2]) * 1e6))
