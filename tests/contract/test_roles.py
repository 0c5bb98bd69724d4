"""Roles, their argument specs, the playbooks and the rendered inventory agree with one another."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adbray_ctl.core.desired.desired import desired_of
from adbray_ctl.core.inventory.group import build_inventory
from adbray_ctl.core.inventory.removal import build_removal_inventory
from adbray_ctl.core.inventory.site import Inventory, Site
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
# The hosts each role's main tasks run on, by the play in site.yml.
ROLE_GROUPS = {
    "host_base": "adbray_hosts",
    "gpu": "adbray_gpu",
    "worker_disk": "adbray_hosts",
    "gpu_share": "adbray_hosts",
    "redis": "adbray_redis",
    "redis_exporter": "adbray_redis",
    "ray_runtime": "adbray_hosts",
    "ray_head": "adbray_head",
    "ray_worker": "adbray_hosts",
    "node_exporter": "adbray_measured",
    "alertmanager": "adbray_monitoring",
    "web_proxy": "adbray_web",
    "prometheus": "adbray_monitoring",
    "grafana": "adbray_grafana",
}
# Of their packages a role uses the program alone, in a unit of its own.
BRINGING = (
    "alertmanager",
    "grafana",
    "node_exporter",
    "prometheus",
    "redis",
    "redis_exporter",
    "web_proxy",
)
# What roles offer to others, beside what playbooks use.
MORE_ENTRIES = {"host_base": {"groups", "program"}, "ray_head": {"await"}}
ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2"}
URL = "https://files.example.com/NVIDIA-Linux-x86_64-550.54.15.run"
GPUS = {
    "a": {"driver": "distro", "branch": "535", "cuda": ["12.4"]},
    "b": {"driver": "runfile", "runfile": {"url": URL, "sha256": "0" * 64}},
}
FLEET = Fleet.model_validate(
    {
        "kind": "Fleet",
        "ssh": {"user": "root"},
        "hosts": [
            {"name": name, "address": address, "gpu": GPUS[name]}
            for name, address in ADDRESSES.items()
        ],
        "monitoring": {
            "host": "b",
            "webhook_url_file": "/p/webhook",
            "listen": "host",
            "web": {},
            "grafana": {"deb": "/p/grafana.deb", "panels_in_ray": True},
        },
    }
)
SITE = Site(
    known_hosts="/p/known_hosts",
    token_file="/p/token",
    redis_password_file="/p/redis_password",
    redis_admin_password_file="/p/redis_admin_password",
    redis_exporter_password_file="/p/redis_exporter_password",
    redis_cert_file="/p/redis.crt",
    redis_key_file="/p/redis.key",
    slot_key_file="/p/slot_key",
    grafana_dir="/p/_grafana",
    web_dir="/p/_web",
    provider_dir="/a/provider",
    in_ray_dir="/a/in_ray",
    host_program="/a/adbray_host.pyz",
    archive_cache="/c/archives",
)
REDIS_MODES = {
    "managed": {"mode": "managed"},
    "none": {"mode": "none"},
    "external": {"mode": "external", "url": "rediss://10.0.0.9:6379", "password_file": "/p/pw"},
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def flat(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The tasks in their order, those of blocks too."""
    for task in tasks:
        yield task
        yield from flat(task.get("block", []))


def specs(role: str) -> dict[str, Any]:
    found: dict[str, Any] = load(ROOT / "roles" / role / "meta" / "argument_specs.yml")
    return dict(found["argument_specs"])


def defaults(role: str) -> dict[str, Any]:
    return dict(load(ROOT / "roles" / role / "defaults" / "main.yml") or {})


def options(role: str, entry: str) -> dict[str, Any]:
    return dict(specs(role)[entry].get("options") or {})


def rendered(redis: str) -> Inventory:
    """The inventory of a group with two started workers and a prepared one, on two hosts."""
    spec = RayClusterSpec.model_validate(
        {
            "kind": "RayCluster",
            "name": "demo",
            "ray": {"packages": ["numpy"]},
            "redis": REDIS_MODES[redis],
            "worker_groups": [{"name": "w", "size": "small", "min_workers": 2, "max_workers": 3}],
        }
    )
    room = Capacity(cpus=64, memory_mb=2**18, disk_gb=4000, gpus=0)
    topology = place(fleet=FLEET, spec=spec, capacities=dict.fromkeys(ADDRESSES, room), records=())
    return build_inventory(
        fleet=FLEET, spec=spec, desired=desired_of(FLEET, spec, topology, "demo-1"), site=SITE
    )


@pytest.mark.parametrize("role", ROLES)
def test_role_can_be_applied_and_deleted(role: str) -> None:
    assert set(specs(role)) == {"main", "delete"} | MORE_ENTRIES.get(role, set())
    for entry, spec in specs(role).items():
        assert spec["short_description"]
        assert (ROOT / "roles" / role / "tasks" / f"{entry}.yml").is_file()


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_the_argument_specs_state(role: str) -> None:
    stated: dict[str, Any] = {}
    for entry in specs(role):
        for name, option in options(role, entry).items():
            assert name.startswith(f"{role}_"), name
            assert option["description"], name
            assert ("default" in option) != option.get("required", False), name
            if "default" in option:
                assert stated.setdefault(name, option["default"]) == option["default"]
    assert stated == defaults(role)


@pytest.mark.parametrize("role", BRINGING)
def test_what_starts_by_itself_is_barred_before_its_package_comes(role: str) -> None:
    """A run may break off after any task, and the host may boot."""
    barred: list[str] = []
    settled: list[str] = []
    installing = 0
    # What main.yml includes comes first.
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml"), reverse=True):
        for task in flat(load(path)):
            units = task.get("adbray.ray.managed_units", {})
            barred += units.get("barred", [])
            settled += units.get("settled", [])
            for package in task.get("adbray.ray.barred_packages", {}).get("packages", []):
                installing += 1
                barred += [package["unit"]] if "unit" in package else []
            if "ansible.builtin.apt" in task:
                installing += 1
                assert barred, task["name"]
    assert installing
    assert settled == barred


def test_what_begins_early_is_what_roles_bring_later() -> None:
    """Packages are named where apt is begun, and by the roles that wait for it."""
    later = [package for role in BRINGING for package in brought(load(tasks_of(role)))]
    early = [
        package
        for play in load(ROOT / "playbooks" / "site.yml")
        for package in brought(play.get("tasks", ()))
    ]
    assert early
    assert [package for package in early if package not in later] == []


def test_the_heads_key_is_let_in_by_one_line_whichever_role_writes_it() -> None:
    gates = {
        load(ROOT / "roles" / role / "vars" / "main.yml")[f"_{role}_gate"].replace(role, "ROLE")
        for role in ("host_base", "ray_worker")
    }
    assert len(gates) == 1


def tasks_of(role: str) -> Path:
    return ROOT / "roles" / role / "tasks" / "main.yml"


def brought(tasks: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    for task in flat(tasks):
        yield from task.get("adbray.ray.barred_packages", {}).get("packages", ())


def test_all_roles_are_checked_first_on_the_hosts_they_run_on() -> None:
    """The playbook's own check takes the place of Ansible's, which it switches off."""
    first, *plays = load(ROOT / "playbooks" / "site.yml")
    (task,) = first["tasks"]
    assert task["tags"] == ["always"]
    assert first["hosts"] == "all"
    assert task["adbray.ray.role_arguments"]["roles"] == ROLE_GROUPS | {
        "ray_runtime": "adbray_head:adbray_workers"
    }
    for play in plays:
        for one in play["tasks"]:
            role = one.get("ansible.builtin.import_role", {})
            assert not role or role["rolespec_validate"] is False, one["name"]


@pytest.mark.parametrize(
    "unit", sorted((ROOT / "roles").glob("*/templates/*.service.j2")), ids=lambda path: path.name
)
def test_nothing_takes_what_is_promised_to_slots(unit: Path) -> None:
    """The slice of all groups is as big as their slots: what is none runs beside it."""
    assert "Slice=adbray.slice" not in unit.read_text()


@pytest.mark.parametrize("name", ["site", "delete"])
def test_playbooks_use_every_role_and_no_other(name: str) -> None:
    used = set()
    for play in load(ROOT / "playbooks" / f"{name}.yml"):
        used |= {role["role"] for role in play.get("roles", ())}
        for task in play.get("tasks", ()):
            if "ansible.builtin.import_role" in task:
                used.add(task["ansible.builtin.import_role"]["name"])
    assert used == {f"adbray.ray.{role}" for role in ROLES}


@pytest.mark.parametrize("redis", REDIS_MODES)
@pytest.mark.parametrize("role", ROLES)
def test_inventory_gives_every_role_what_it_requires(role: str, redis: str) -> None:
    inventory = rendered(redis)
    for host in inventory.groups[ROLE_GROUPS[role]]:
        given = inventory.all_vars | inventory.host_vars[host]
        check(options(role, "main"), own(role, given))


@pytest.mark.parametrize("role", ROLES)
def test_removal_inventory_gives_every_role_what_it_requires(role: str) -> None:
    inventory = build_removal_inventory(fleet=FLEET, group="demo", hosts=("a", "b"), site=SITE)
    for given in inventory.host_vars.values():
        check(options(role, "delete"), own(role, inventory.all_vars | given))


def test_every_variable_of_the_inventory_belongs_to_a_role() -> None:
    known = {name for role in ROLES for name in options(role, "main")}
    for mode in REDIS_MODES:
        inventory = rendered(mode)
        for given in (inventory.all_vars, *inventory.host_vars.values()):
            assert {name for name in given if not name.startswith("ansible_")} <= known


def own(role: str, given: dict[str, Any]) -> dict[str, Any]:
    """The variables of ``role`` and not those of one whose name begins with its name."""
    others = tuple(f"{other}_" for other in ROLES if other.startswith(f"{role}_"))
    return {k: v for k, v in given.items() if k.startswith(f"{role}_") and not k.startswith(others)}


def check(wanted: dict[str, Any], given: dict[str, Any]) -> None:
    """Names on both sides, down into lists and dicts whose keys are specified."""
    assert set(given) <= set(wanted)
    for name, option in wanted.items():
        assert name in given or not option.get("required"), name
        if "options" not in option or name not in given:
            continue
        for value in given[name] if option["type"] == "list" else [given[name]]:
            check(option["options"], value)


@pytest.mark.parametrize("role", ROLES)
def test_readme_is_what_the_argument_specs_say(role: str) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "role_readmes.py"))
    folder = ROOT / "roles" / role
    assert (folder / "README.md").read_text() == script["readme"](folder), "run `make docs`"


@pytest.mark.parametrize("role", ROLES)
def test_what_handles_a_secret_is_not_logged(role: str) -> None:
    """A secret is what a role is given as a file of this machine, the known hosts aside."""
    secrets = {
        name
        for entry in specs(role)
        for name in options(role, entry)
        if re.search(r"_(password|token|key|hash|url)_file$", name)
    }
    for path in (ROOT / "roles" / role / "tasks").glob("*.yml"):
        for task in flat(load(path)):
            text = yaml.safe_dump({key: value for key, value in task.items() if "." in key})
            if "secret_files:" in text or any(name in text for name in secrets):
                assert task.get("no_log") is True, f"{path.name}: {task['name']}"
