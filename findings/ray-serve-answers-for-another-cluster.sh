#!/usr/bin/env bash
# Ray 2.60.0 with Serve, Python 3.11, two clusters that one user runs on one host.
#
# Each starts an application with Serve's defaults: its proxy listens on port 8000.
# Expected: the second one's proxy says that the port is taken.
# Seen: both start without a word. Proxies bind with SO_REUSEPORT, which the processes of one user may
#   share, so the kernel gives each connection to either cluster: about half of the requests are
#   answered by the wrong one.
#
# Exits 0 while this is so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ray[serve]==2.60.0"

"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os, signal, socket, subprocess, sys, time, urllib.request
from collections import Counter
from pathlib import Path

folder = Path(sys.argv[1])
APPLICATION = """
import sys, ray
from ray import serve

ray.init(address=sys.argv[1], log_to_driver=False)

@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Says:
    def __init__(self, name):
        self.name = name

    def __call__(self, _request):
        return self.name

serve.run(Says.bind(sys.argv[2]))
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def cluster(name):
    """A head and an application that answers with its name; its process leads a session."""
    port = free_port()
    words = [f"--port={port}", f"--dashboard-agent-listen-port={free_port()}", "--num-cpus=1"]
    words += ["--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder / name}"]
    words += ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000", "--block"]
    head = subprocess.Popen(
        [str(folder / "venv/bin/ray"), "start", "--head", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.5)
    time.sleep(5)
    program = folder / f"{name}.py"
    program.write_text(APPLICATION)
    done = subprocess.run(
        [sys.executable, str(program), f"127.0.0.1:{port}", name],
        capture_output=True, text=True, timeout=120, check=False,
    )
    if done.returncode:
        end(head)
        sys.exit(f"{name} did not start: {done.stderr[-1500:]}")
    return head


def end(head):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(head.pid, number)
        except ProcessLookupError:
            return
        time.sleep(3)
    head.wait()


heads = []
try:
    for name in ("one", "two"):
        heads.append(cluster(name))
    answers = Counter()
    for _ in range(200):
        with urllib.request.urlopen("http://127.0.0.1:8000/", timeout=30) as answer:
            answers[answer.read().decode()] += 1
finally:
    for head in heads:
        end(head)
print(f"200 requests to port 8000, by who answered: {dict(answers)}")
sys.exit(0 if min(answers["one"], answers["two"]) > 50 else "one cluster alone answers now")
PYTHON
