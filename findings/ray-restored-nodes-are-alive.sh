#!/usr/bin/env bash
# Ray 2.60.0, Python 3.11, GCS with RocksDB (with Redis the same is seen).
#
# A host with a head and workers loses its power; the head comes back and goes on from its storage.
# Expected: nodes that ended with GCS are not ALIVE before they report again.
# Seen: GCS lists them as ALIVE until its health checks of them have failed, here after 17 s. A program
#   that waits for a cluster by its number of nodes finds it complete at once. Only the node's id, or a
#   label that names its start, tells an old node from a new one.
#
# Exits 0 while this is so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ray[default]==2.60.0"

"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os, socket, subprocess, sys, time
from pathlib import Path

folder = Path(sys.argv[1])
ray = str(folder / "venv/bin/ray")
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
storage = {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(folder / "gcs")}
environment = {**os.environ, **storage, "RAY_TMPDIR": str(folder / "t")}
head = ["--head", f"--port={port}", "--include-dashboard=false", "--num-cpus=0"]
node = [f"--address=127.0.0.1:{port}", "--num-cpus=1"]


def start(words):
    command = [ray, "start", "--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1"]
    return subprocess.Popen(
        [*command, "--object-store-memory=100000000", *words],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )


def family(pid):
    """A process and all below it."""
    below = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            below += family(int(stat.parent.name))
    return below


def end(process):
    """At once, as by a loss of power."""
    for pid in family(process.pid):
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
    process.wait()


def living():
    """The ids of the nodes that GCS has for alive; None while it does not answer."""
    from ray._raylet import GcsClient
    from ray.exceptions import RpcError

    try:
        nodes = GcsClient(address=f"127.0.0.1:{port}").get_all_node_info(timeout=5)
        return {key.hex() for key, one in nodes.items() if one.state == 0}
    except RpcError:
        return None


def until(what, seconds=90):
    ends = time.monotonic() + seconds
    while not what():
        if time.monotonic() > ends:
            sys.exit("not seen within %d s" % seconds)
        time.sleep(0.2)


running = [start(head)]
try:
    until(lambda: len(living() or ()) == 1)
    running.append(start(node))
    until(lambda: len(living() or ()) == 2)
    before = living()
    for process in running:
        end(process)
    running = [start(head)]
    until(lambda: living() is not None)
    back, at_once = time.monotonic(), living() & before
    until(lambda: not (living() or before) & before)
    print(f"{len(at_once)} of 2 ended nodes alive, the last for {time.monotonic() - back:.1f} s")
    sys.exit(not at_once)
finally:
    for process in running:
        end(process)
PYTHON
