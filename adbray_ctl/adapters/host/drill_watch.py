"""A drill's driver: started on a worker's host by its own python3, as root, until told to end.

It goes on inside of the worker's unit, as Ray's user and under the group's Ray, calls an actor and
a task again and again, and prints how each call went, a line of JSON each. Standard library only
out here.
"""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import json, os, sys, threading, time
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

address, every_s, within_s = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
ray.init(address=address, namespace="adbray-drill", log_to_driver=False, logging_level="ERROR")
here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
name = "watched-%d" % os.getpid()

@ray.remote(num_cpus=0, max_restarts=0, scheduling_strategy=here)
class Counter:
    def __init__(self):
        self.count = 0
    def add(self):
        self.count += 1
        return self.count

counter = Counter.options(name=name).remote()
printing = threading.Lock()
options = dict(num_cpus=0, max_retries=0, scheduling_strategy=here)

def call():
    return ray.get(counter.add.remote(), timeout=within_s)

# A worker remembers the actors it has looked up once; the list is always GCS' own.
def look_up_and_call():
    if name not in ray.util.list_named_actors():
        raise LookupError("the actor is not listed")
    return call()

# A function of its own each time, which goes by GCS, as those of a new driver do.
def run_a_task():
    return ray.get(ray.remote(**options)(lambda: 1).remote(), timeout=within_s)

def again_and_again(kind, work):
    while True:
        began, value, error = time.monotonic(), 0, ""
        try:
            value = work()
        except Exception as caught:
            error = "%s: %s" % (type(caught).__name__, str(caught).splitlines()[:1])
        line = {"kind": kind, "took": time.monotonic() - began, "value": value, "error": error}
        with printing:
            # In one piece: Ray's own complaints come this way too.
            sys.stdout.write(json.dumps(line) + "\\n")
        time.sleep(every_s)

for kind, work in (("held", call), ("actor", look_up_and_call), ("task", run_a_task)):
    threading.Thread(target=again_and_again, args=(kind, work), daemon=True).start()
sys.stdin.read()
os._exit(0)
"""


def main() -> None:
    unit, venv, *arguments = sys.argv[1:]
    show = ["systemctl", "show", "--property=MainPID", "--value", unit]
    pid = subprocess.run(show, stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    if pid in ("", "0"):
        sys.exit(unit + " does not run")
    with open("/proc/%s/environ" % pid, "rb") as file:
        environment = dict(
            entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry
        )
    kept = {
        name: value
        for name, value in environment.items()
        if name.startswith(b"RAY_") or name in (b"PATH", b"HOME")
    }
    # It must not be taken for the worker itself.
    for name in (b"RAY_CLOUD_INSTANCE_ID", b"RAY_NODE_TYPE_NAME"):
        kept.pop(name, None)
    enter = ["nsenter", "--target", pid, "--mount", "--", "/usr/sbin/runuser", "-u", "adbray", "--"]
    os.execve(  # noqa: S606  # the driver takes this process's place, and its standard input
        "/usr/bin/nsenter", [*enter, venv + "/bin/python", "-u", "-c", CODE, *arguments], kept
    )


main()
