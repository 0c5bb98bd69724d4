"""Use a package that only the job's own environment has, in the driver and in a task."""

from __future__ import annotations

import ray
from adbray_e2e_wheel import WORD  # type: ignore[import-not-found]


@ray.remote(num_cpus=0.1)
def in_task() -> str:
    from adbray_e2e_wheel import WORD

    return str(WORD)


ray.init(log_to_driver=False)
print("driver", WORD, "task", ray.get(in_task.remote()))
