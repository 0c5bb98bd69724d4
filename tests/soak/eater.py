"""What a worker may do to its neighbours, each in its worst form; runs in place of Ray in its unit.

eater.py cpu|memory|processes|disk|bench SECONDS DISK
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path


def cpu(seconds: float) -> None:
    """As many spinning processes as would take all of a small host."""
    for _ in range(7):
        if os.fork() == 0:
            break
    spin(seconds)


def memory(seconds: float) -> None:
    """A child takes what it gets; its parent is not to be ended with it."""
    child = os.fork()
    if child == 0:
        held = []
        while True:
            held.append(bytearray(b"x") * (4 << 20))
            say(f"holds {len(held) * 4} MiB")
    _, status = os.waitpid(child, 0)
    say(f"child ended by signal {os.WTERMSIG(status)}, its parent goes on")
    time.sleep(seconds)


def processes(seconds: float) -> None:
    """Ten thousand forks, each of which stays; the first refusal is told."""
    made = 0
    for _ in range(10_000):
        try:
            if os.fork() == 0:
                signal.pause()
        except OSError as error:
            say(f"fork {made + 1} refused: {error.strerror}")
            break
        made += 1
    say(f"made {made} processes")
    time.sleep(seconds)


def disk(seconds: float, folder: str) -> None:
    """One file that grows until there is no room."""
    written = 0
    with Path(folder, "spill", "eaten").open("wb", buffering=0) as file:
        try:
            while True:
                written += file.write(bytes(1 << 20))
        except OSError as error:
            say(f"wrote {written >> 20} MiB, then: {error.strerror}")
    time.sleep(seconds)


def bench(seconds: float) -> None:
    """Rounds of a fixed loop for ever, each with the part of a core that it got, and its rate."""
    while True:
        began, used = time.monotonic(), cpu_s()
        loops = spin(seconds)
        wall, got = time.monotonic() - began, cpu_s() - used
        say(f"bench {time.time():.1f} {got / wall:.4f} {loops / wall:.2f}")


def spin(seconds: float) -> int:
    end, loops = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        sum(range(20_000))
        loops += 1
    return loops


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    what, length, where = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    if what == "disk":
        disk(length, where)
    else:
        {"cpu": cpu, "memory": memory, "processes": processes, "bench": bench}[what](length)
