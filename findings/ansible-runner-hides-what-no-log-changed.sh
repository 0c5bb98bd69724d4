#!/usr/bin/env bash
# ansible-core 2.19.14, ansible-runner 2.4.3, Python 3.11.
#
# A task with `no_log: true` writes a file. Ansible itself censors such a result but keeps `changed` in it
# (ansible/executor/task_result.py), prints "changed:" for the host, and counts it in the recap.
# Expected: the event of ansible-runner for that task says that it changed something.
# Seen: ansible-runner replaces the whole result by its own censored one, without `changed`, so that the
#   event reads like one of a task that changed nothing. The counts of the last event have it. A program
#   that shows what a run changed, task by task, leaves out every task that handles a secret.
#
# Exits 0 while this is so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ansible-core==2.19.14 ansible-runner==2.4.3

PATH="$folder/venv/bin:$PATH" "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import ansible_runner

folder = Path(sys.argv[1])


def task(name, hidden):
    copied = {"content": "text\n", "dest": str(folder / name), "mode": "0600"}
    return {"name": name, "ansible.builtin.copy": copied, "no_log": hidden}


play = {"hosts": "localhost", "connection": "local", "gather_facts": False}
(folder / "run").mkdir()
play["tasks"] = [task("shown", False), task("hidden", True)]
inventory = {"all": {"hosts": {"localhost": {"ansible_python_interpreter": sys.executable}}}}
run = ansible_runner.run(
    private_data_dir=str(folder / "run"), playbook=[play], inventory=inventory, quiet=True
)
events = list(run.events)
results = {
    event["event_data"]["task"]: event["event_data"]["res"].get("changed")
    for event in events
    if event["event"] == "runner_on_ok"
}
printed = [event["stdout"] for event in events if "changed: [localhost]" in event["stdout"]]
counted = next(
    event["event_data"]["changed"] for event in events if event["event"] == "playbook_on_stats"
)
print("run:", run.status, "events:", results, "printed:", len(printed), "counted:", counted)
as_seen = results == {"shown": True, "hidden": None} and counted == {"localhost": 2}
sys.exit(not (run.status == "successful" and len(printed) == 2 and as_seen))
PYTHON
