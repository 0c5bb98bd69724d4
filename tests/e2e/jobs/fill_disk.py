"""Fills the disk of large-0 by a file in /tmp while large-1 on the same host goes on working."""

import errno
import os
import tempfile

import ray
from slots import on_slot


@ray.remote(num_cpus=1)
def fill() -> int:
    """The errno the write ended with; the file goes again."""
    block = os.urandom(2**20)
    with tempfile.TemporaryFile() as file:
        try:
            for _ in range(8192):
                file.write(block)
            file.flush()
        except OSError as error:
            return error.errno or 0
    return 0


@ray.remote(num_cpus=1)
def work() -> int:
    with tempfile.TemporaryFile() as file:
        return file.write(os.urandom(2**26))


ray.init()
filling = fill.options(**on_slot("large-0")).remote()
done = 0
while not ray.wait([filling], timeout=0.5)[0] or done < 3:
    done += ray.get(work.options(**on_slot("large-1")).remote()) == 2**26
ended = ray.get(filling)
print(f"large-0 got {errno.errorcode.get(ended, 'no error')}")
print(f"large-1 on the same host went on working, {done} times")
