"""What a job gets of the cluster it runs on: `ray microbenchmark`'s rates, and large objects.

Prints one line, RATES and a JSON object: rates per second, by name; the seconds each object of
1 GiB took from the worker that made it to this process.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import ray

# By what `ray microbenchmark` calls them; several clients need more cores than two.
MEASURED, LEFT_OUT = ("tasks", "1:1 actor calls"), "multi client"
OBJECTS, FLOATS = 6, 2**27


def rates(pattern: str) -> dict[str, float]:
    """It ends in an error, since its last part wants to make another cluster."""
    command = [str(Path(sys.executable).with_name("ray")), "microbenchmark"]
    chosen = {"TESTS_TO_RUN": pattern, "TESTS_TO_SKIP": LEFT_OUT}
    done = subprocess.run(
        command, env=os.environ | chosen, capture_output=True, text=True, check=False
    )
    found = re.findall(r"^(.+) per second ([0-9.]+) \+- ", done.stdout, re.MULTILINE)
    if not found:
        sys.exit(done.stderr[-3000:])
    return {name: float(rate) for name, rate in found}


@ray.remote(num_cpus=1)
def made() -> np.ndarray:
    return np.ones(FLOATS)


def object_s() -> float:
    """Seconds until this process has an object whole, from when it is there on the worker."""
    made_there = made.remote()
    ray.wait([made_there], fetch_local=False)
    began = time.perf_counter()
    assert ray.get(made_there)[-1] == 1
    return time.perf_counter() - began


found: dict[str, float] = {}
for measured in MEASURED:
    found |= rates(measured)
ray.init(log_to_driver=False)
taken = []
for _ in range(OBJECTS):
    taken.append(object_s())
    # Until the stores of both hosts have room again.
    time.sleep(2)
print("RATES", json.dumps({"rates": found, "objects_s": taken}), flush=True)
