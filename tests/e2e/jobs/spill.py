"""Puts more than the object store of small-0 holds and reads all of it back."""

import hashlib
from pathlib import Path

import numpy as np
import ray
from slots import on_slot


@ray.remote(num_cpus=1)
def spill() -> tuple[int, int]:
    generator = np.random.default_rng(7)
    held, sums = [], []
    for _ in range(20):
        block = generator.integers(0, 2**63, 4 * 2**20, dtype=np.uint64)
        held.append(ray.put(block))
        sums.append(hashlib.blake2b(block).digest())
        del block
    spills = Path("/var/lib/adbray/quickstart/small-0/spill").rglob("*")
    spilled = sum(path.stat().st_size for path in spills if path.is_file())
    wrong = sum(
        hashlib.blake2b(ray.get(reference)).digest() != digest
        for reference, digest in zip(held, sums, strict=True)
    )
    return spilled // 2**20, wrong


ray.init()
spilled, wrong = ray.get(spill.options(**on_slot("small-0")).remote())
print(f"spilled {spilled} MiB, {'all intact' if not wrong else f'{wrong} differ'}")
