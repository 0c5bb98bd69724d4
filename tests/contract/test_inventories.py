"""The hand-written inventories: ansible-playbook takes them, roles find what they require."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
INVENTORIES = ("example", "lab")
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
# What the playbooks' plays run of the example's group, by the hosts they run it on.
PLAYED = {
    "host_base": "adbray_hosts",
    "worker_disk": "adbray_hosts",
    "redis": "adbray_redis",
    "redis_exporter": "adbray_redis",
    "ray_runtime": "adbray_head:adbray_workers",
    "ray_head": "adbray_head",
    "gpu_share": "adbray_hosts",
    "ray_worker": "adbray_hosts",
}


def options(role: str, entry: str = "main") -> dict[str, Any]:
    """What an entry point of a role takes; nothing where there is no such entry point."""
    text = (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text()
    found = dict(yaml.safe_load(text)["argument_specs"].get(entry, {}).get("options", {}))
    # Some name the role's own directory, which only a role's task knows.
    return {name: {k: v for k, v in one.items() if k != "default"} for name, one in found.items()}


@pytest.fixture
def play(tmp_path: Path) -> Any:
    """Runs ansible-playbook over an inventory, with a lab's fleet.yml for the one that reads it."""
    (tmp_path / "fleet.yml").write_text(
        json.dumps({"hosts": [{"address": f"192.0.2.{n}"} for n in (11, 12, 13)]})
    )
    environment = {name: value for name, value in os.environ.items() if "ANSIBLE" not in name}
    environment |= {"ADBRAY_PROJECT": str(tmp_path), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local")}
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run(inventory: str, playbook: str, *arguments: str) -> str:
        command = ["ansible-playbook", "-i", f"inventories/{inventory}", playbook, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_playbooks_take_the_inventory(play: Any, inventory: str) -> None:
    assert "Deploy Ray" in play(inventory, "playbooks/site.yml", "--list-tasks")


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_every_role_is_given_what_its_specs_require(
    play: Any, inventory: str, tmp_path: Path
) -> None:
    made = [(role, "main", hosts) for role, hosts in PLAYED.items()]
    # What delete.yml removes, also of roles that the group has no use for.
    removed = [(role, "delete", "adbray_hosts") for role in ROLES if options(role, "delete")]
    assert removed
    plays = [
        {
            "name": f"{role} {entry}",
            "hosts": hosts,
            "gather_facts": False,
            "tasks": [
                {
                    "name": "Hold what the inventory gives against the specs",
                    "ansible.builtin.validate_argument_spec": {
                        "argument_spec": options(role, entry)
                    },
                }
            ],
        }
        for role, entry, hosts in (*made, *removed)
    ]
    path = tmp_path / "validate.yml"
    path.write_text(json.dumps(plays))
    assert "ok=" in play(inventory, str(path))


def test_every_variable_belongs_to_a_role_or_is_the_inventorys_own() -> None:
    entries = ("main", "delete")
    known = {name for role in ROLES for entry in entries for name in options(role, entry)}
    for path in (ROOT / "inventories" / "example").rglob("*_vars/**/*.yml"):
        for name in yaml.safe_load(path.read_text()):
            of_role = name.startswith(tuple(f"{role}_" for role in ROLES))
            assert name in known or not of_role or name == "redis_host", f"{path}: {name}"


def test_secrets_are_made_once(play: Any, tmp_path: Path) -> None:
    assert "changed=3" in play("lab", "playbooks/secrets.yml")
    made = sorted(path.name for path in (tmp_path / ".adbray" / "secrets" / "demo").iterdir())
    assert made == [
        "redis.crt",
        "redis.key",
        "redis_exporter_password",
        "redis_password",
        "slot_key",
        "slot_key.pub",
        "token",
    ]
    assert "changed=0" in play("lab", "playbooks/secrets.yml")
