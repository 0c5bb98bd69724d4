"""Rounds of random tasks, actors and objects that keep some workers busy while others go idle.

churn.py ROUNDS SEED IDLE_S: nothing may be tried again, so that whatever a scale-down takes away
fails. Every object is read back whole, every actor asked for its count, at the end of its life.
"""

import json
import random
import sys
import time
from dataclasses import dataclass
from typing import Any

import ray

rounds, dice, idle_s = int(sys.argv[1]), random.Random(int(sys.argv[2])), float(sys.argv[3])
MIB = 1 << 20

ray.init(log_to_driver=False)


@ray.remote(max_retries=0)
def work(seconds: float, value: int) -> int:
    time.sleep(seconds)
    return value * value


@ray.remote(max_retries=0)
def make(size: int, value: int) -> bytes:
    return bytes([value % 251]) * size


@ray.remote(max_retries=0)
def make_owned(size: int, value: int) -> list[Any]:
    """An object that the worker owns, not the driver."""
    return [ray.put(bytes([value % 251]) * size)]


@ray.remote(max_restarts=0, max_task_retries=0)
class Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self, number: int) -> int:
        self.count += number
        return self.count


@dataclass
class Kept:
    """Something to be asked back from round ``until`` on."""

    until: int
    kind: str
    thing: Any
    value: int
    size: int = 0

    def is_settled(self) -> bool:
        """Whether it could be asked; raises if the answer is wrong or lost."""
        asked = self.thing.add.remote(0) if self.kind == "actors" else self.thing
        if not ray.wait([asked], timeout=0.2)[0]:
            return False
        answer = ray.get(asked, timeout=60)
        if self.kind == "tasks":
            assert answer == self.value**2
        elif self.kind == "actors":
            assert answer == self.value
            ray.kill(self.thing)
        else:
            data = ray.get(answer[0], timeout=60) if self.kind == "owned" else answer
            assert data == bytes([self.value % 251]) * self.size
        return True


def options() -> dict[str, Any]:
    cpus, tier = dice.choice([(1, "one"), (2, "two"), (4, "four"), (1, None), (2, None)])
    return {"num_cpus": cpus} | ({"label_selector": {"tier": tier}} if tier else {})


def begin(number: int) -> Kept:
    kind = dice.choice(["tasks", "tasks", "actors", "objects", "owned"])
    until = number + dice.choice([0, 0, 1, 2])
    value, size = dice.randint(1, 10_000), dice.randint(1, 4) * MIB
    if kind == "tasks":
        task = work.options(**options()).remote(dice.uniform(0.1, 2.5 * idle_s), value)
        return Kept(until, kind, task, value)
    if kind == "actors":
        actor = Counter.options(**options()).remote()
        actor.add.remote(value)
        return Kept(until, kind, actor, value)
    maker = make if kind == "objects" else make_owned
    return Kept(until, kind, maker.options(**options()).remote(size, value), value, size)


done = {"tasks": 0, "actors": 0, "objects": 0, "owned": 0}
kept: list[Kept] = []


def settle(number: int) -> None:
    """Ask back what is due; what has not come to run yet waits for another round."""
    for one in list(kept):
        if one.until <= number and one.is_settled():
            kept.remove(one)
            done[one.kind] += 1


for number in range(rounds):
    kept += [begin(number) for _ in range(dice.randint(1, 3))]
    # Long enough for some workers to be stopped, not for all.
    time.sleep(dice.uniform(0, 4 * idle_s))
    settle(number)
    if number % 10 == 9:
        print(f"round {number + 1}: {json.dumps(done)}, {len(kept)} kept", flush=True)
deadline = time.monotonic() + 600
while kept:
    assert time.monotonic() < deadline, f"never answered: {kept}"
    settle(rounds + 10)
print("ran " + json.dumps(done), flush=True)
