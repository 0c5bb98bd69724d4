"""What an inventory gives to all roles is held against their specs once, before all else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "adbray.ray.role_arguments": {
                    "roles": {"worker_disk": "adbray_head:adbray_hosts", "gpu": "adbray_gpu"}
                },
                "tags": ["always"],
            }
        ],
    }
]
GOOD: dict[str, object] = {
    "worker_disk_group": "g",
    "worker_disk_slots": "{{ disks }}",
    "disks": [],
}


def run(base: Path, variables: dict[str, dict[str, object]], *options: str) -> tuple[int, str]:
    """The exit status of a run over hosts with ``variables``, and what it prints."""
    hosts = {name: {"ansible_connection": "local", **own} for name, own in variables.items()}
    members = {"hosts": dict.fromkeys(hosts)}
    groups = {"adbray_hosts": members, "adbray_head": {"hosts": {"a": None}}, "adbray_gpu": {}}
    (base / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "children": groups}}))
    (base / "play.yml").write_text(json.dumps(PLAY))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", *options, "play.yml"],
        cwd=base,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_is_right_is_checked_in_one_task_for_all_hosts(tmp_path: Path) -> None:
    code, shown = run(tmp_path, {"a": GOOD, "b": GOOD})
    assert code == 0, shown
    assert shown.count("ok: [") == 1


def test_what_others_have_and_what_only_a_role_has_is_no_error(tmp_path: Path) -> None:
    by_other = {**GOOD, "worker_disk_slots": "{{ hostvars['a'].disks }}"}
    by_role = {**GOOD, "worker_disk_group": "{{ some_default_of_a_role }}"}
    code, shown = run(tmp_path, {"a": GOOD, "b": by_other, "c": by_role})
    assert code == 0, shown


def test_each_host_with_something_wrong_is_named(tmp_path: Path) -> None:
    wrong = {**GOOD, "disks": "many"}
    code, shown = run(tmp_path, {"a": GOOD, "b": {}, "c": wrong})
    assert code != 0
    assert "b: worker_disk: missing required arguments: worker_disk_group" in shown
    assert "c: worker_disk: " in shown
    assert "a: worker_disk" not in shown


def test_only_hosts_and_roles_of_this_run_are_checked(tmp_path: Path) -> None:
    assert run(tmp_path, {"a": GOOD, "b": {}}, "--limit", "a")[0] == 0
    assert run(tmp_path, {"a": GOOD, "b": {}}, "--tags", "ray_worker")[0] == 0
    assert run(tmp_path, {"a": GOOD, "b": {}}, "--tags", "worker_disk")[0] != 0
