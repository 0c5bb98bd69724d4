"""Spills on one slot until Ray refuses more, then reads all of it back.

Arguments: the slot, and the slot beside it that goes on working meanwhile.
"""

import hashlib
import os
import sys
import tempfile

import numpy as np
import ray
from ray.exceptions import OutOfDiskError
from slots import on_slot

BLOCK = 16 * 2**20


@ray.remote(num_cpus=1, max_retries=0)
def fill() -> tuple[int, float, int, str]:
    """Blocks held, the fullest the disk was, blocks that differ, and how it ended."""
    generator = np.random.default_rng(7)
    held, sums, fullest, ended = [], [], 0.0, "never refused"
    for _ in range(400):
        block = generator.integers(0, 2**63, BLOCK // 8, dtype=np.uint64)
        try:
            held.append(ray.put(block))
        except OutOfDiskError:
            ended = "refused"
            break
        sums.append(hashlib.blake2b(block).digest())
        stat = os.statvfs(tempfile.gettempdir())
        fullest = max(fullest, 1 - stat.f_bavail / stat.f_blocks)
    wrong = sum(
        hashlib.blake2b(ray.get(reference)).digest() != digest
        for reference, digest in zip(held, sums, strict=True)
    )
    return len(held), fullest, wrong, ended


@ray.remote(num_cpus=1)
def work() -> int:
    with tempfile.TemporaryFile() as file:
        written = file.write(os.urandom(2**24))
        file.flush()
        return written


@ray.remote(num_cpus=1, max_retries=0)
def hit_the_wall() -> int:
    """The errno of a write past the end; the file goes again."""
    block = os.urandom(2**20)
    with tempfile.TemporaryFile() as file:
        try:
            for _ in range(2**15):
                file.write(block)
        except OSError as error:
            return error.errno or 0
    return 0


slot, beside = sys.argv[1:3]
ray.init()


def meanwhile(task: ray.ObjectRef) -> tuple[object, int]:
    """What ``task`` gave, and how often the slot beside it did its work meanwhile."""
    done = 0
    while not ray.wait([task], timeout=0.5)[0] or done < 2:
        done += ray.get(work.options(**on_slot(beside)).remote()) == 2**24
    return ray.get(task), done


(blocks, fullest, wrong, ended), worked = meanwhile(fill.options(**on_slot(slot)).remote())
print(f"spilling: {blocks} blocks, {fullest:.3f} full, {wrong} differ, {ended}, beside {worked}")
number, worked = meanwhile(hit_the_wall.options(**on_slot(slot)).remote())
print(f"wall: errno {number}, beside {worked}")
