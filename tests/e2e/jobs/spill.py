"""Puts more than the object store of a small worker holds and reads all of it back."""

import hashlib
from pathlib import Path

import numpy as np
import ray
from slots import on_slot, slot_of


@ray.remote(num_cpus=1)
def spill(slot: str) -> tuple[int, int]:
    generator = np.random.default_rng(7)
    held, sums = [], []
    for _ in range(20):
        block = generator.integers(0, 2**63, 4 * 2**20, dtype=np.uint64)
        held.append(ray.put(block))
        sums.append(hashlib.blake2b(block).digest())
        del block
    spills = Path(f"/var/lib/adbray/quickstart/{slot}/spill").rglob("*")
    spilled = sum(path.stat().st_size for path in spills if path.is_file())
    wrong = sum(
        hashlib.blake2b(ray.get(reference)).digest() != digest
        for reference, digest in zip(held, sums, strict=True)
    )
    return spilled // 2**20, wrong


ray.init()
# Which of the two runs is the autoscaler's choice.
slot = slot_of("small")
spilled, wrong = ray.get(spill.options(**on_slot(slot)).remote(slot))
print(f"spilled {spilled} MiB, {'all intact' if not wrong else f'{wrong} differ'}")
