"""Spills on one slot until Ray refuses more, reads all of it back, then fills the disk to its end.

Argument: the slot.
"""

import os
import sys
import tempfile
import time

import numpy as np
import ray
from ray.exceptions import OutOfDiskError
from slots import on_slot

BLOCK = 16 * 2**20
# Seconds that the disk stays full, in which others are seen to go on.
FULL_S = 6


@ray.remote(num_cpus=1, max_retries=0)
def fill() -> tuple[int, float, int, str]:
    """Blocks held, the fullest the disk was, blocks that differ, and how it ended."""
    base = np.random.default_rng(7).integers(0, 2**63, BLOCK // 8, dtype=np.uint64)
    held, fullest, ended = [], 0.0, "never refused"
    for number in range(400):
        try:
            held.append(ray.put(base + np.uint64(number)))
        except OutOfDiskError:
            ended = "refused"
            break
        stat = os.statvfs(tempfile.gettempdir())
        fullest = max(fullest, 1 - stat.f_bavail / stat.f_blocks)
    wrong = sum(
        not np.array_equal(ray.get(reference), base + np.uint64(number))
        for number, reference in enumerate(held)
    )
    return len(held), fullest, wrong, ended


@ray.remote(num_cpus=1, max_retries=0)
def hit_the_wall() -> tuple[int, float, float]:
    """The errno of a write past the end, and from when to when there was no room."""
    block = os.urandom(2**20)
    with tempfile.TemporaryFile(buffering=0) as file:
        try:
            for _ in range(2**15):
                file.write(block)
        except OSError as error:
            began = time.time()
            time.sleep(FULL_S)
            return error.errno or 0, began, time.time()
    return 0, 0, 0


ray.init()
where = on_slot(sys.argv[1])
blocks, full, wrong, ended = ray.get(fill.options(**where).remote())
print(f"spilling: {blocks} blocks, {full:.3f} full, {wrong} differ, {ended}")
number, began, done = ray.get(hit_the_wall.options(**where).remote())
print(f"wall: errno {number} from {began:.1f} to {done:.1f}")
