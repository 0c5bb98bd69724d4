"""The quickstart's job: every worker makes more objects than its object store holds.

Each worker puts arrays worth 1.3 times its store, so that Ray spills to the worker's own disk,
then reads all of them back and compares checksums. Exits 1 if a worker took no part or data differ.
"""

import hashlib
import platform
import sys

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

CHUNK = 32 * 1024 * 1024


@ray.remote(num_cpus=1)
def fill_and_check(store_bytes: int) -> tuple[str, int, int]:
    """Host name, MiB written, and how many arrays came back different."""
    generator = np.random.default_rng()
    held, sums = [], []
    for _ in range(13 * store_bytes // (10 * CHUNK)):
        block = generator.integers(0, 2**63, CHUNK // 8, dtype=np.uint64)
        sums.append(hashlib.blake2b(block).digest())
        held.append(ray.put(block))
        del block
    wrong = 0
    for reference, digest in zip(held, sums, strict=True):
        wrong += hashlib.blake2b(ray.get(reference)).digest() != digest
    return platform.node(), len(held) * CHUNK // 2**20, wrong


def main() -> int:
    ray.init()
    workers = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU", 0) > 0]
    tasks = {}
    for node in workers:
        here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        store = int(node["Resources"]["object_store_memory"])
        task = fill_and_check.options(scheduling_strategy=here).remote(store)
        tasks[task] = node["Labels"].get("adbray.io/slot", node["NodeID"][:8])
    bad = 0
    while tasks:
        (done,), _ = ray.wait(list(tasks), num_returns=1)
        slot = tasks.pop(done)
        host, mebibytes, wrong = ray.get(done)
        bad += wrong
        verdict = "all intact" if not wrong else f"{wrong} arrays differ"
        print(f"{slot:<12} on {host:<8} {mebibytes:>5} MiB through the object store, {verdict}")
    head_cpus = sum(n["Resources"].get("CPU", 0) for n in ray.nodes() if n not in workers)
    print(f"{len(workers)} workers took part; the head has {head_cpus:g} CPU and ran no task")
    return 1 if bad or not workers else 0


if __name__ == "__main__":
    sys.exit(main())
