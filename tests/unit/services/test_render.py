"""An inventory for plain Ansible: written where it is asked for, and no host is changed."""

from __future__ import annotations

from pathlib import Path

from adbray_ctl.services.render import render
from tests.unit.converging import Cluster

NAMES = ("token", "redis_password", "redis_exporter_password", "redis.crt", "redis.key", "slot_key")


def test_it_is_written_and_nothing_else_happens(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, stands=False)
    cluster.secrets.forget("demo")
    prepared = render(cluster.tools, "demo", tmp_path / "inventory")
    ((directory, inventory),) = cluster.inventories.history
    assert directory == tmp_path / "inventory"
    assert inventory.groups["adbray_head"] == ("a",)
    assert inventory.groups["adbray_fresh"] == (), "it may be run at any time"
    assert inventory.all_vars["ray_head_token_file"] == cluster.secrets.site("demo").token_file
    assert cluster.secrets.has("demo"), "files that it names are there"
    assert (cluster.journal.lines, cluster.history.details) == ([], [])
    assert not prepared.plan.is_empty


def test_a_group_that_stands_keeps_its_namespace_and_its_secrets(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.secrets.forget("demo")
    cluster.hosts.files = {f"/etc/adbray/demo/{name}": f"kept {name}" for name in NAMES}
    prepared = render(cluster.tools, "demo", tmp_path / "inventory")
    assert prepared.plan.is_empty
    assert prepared.namespace == prepared.observed.namespace("demo")
    assert cluster.secrets.load("demo").token == "kept token"
    assert cluster.secrets.load("demo").redis_exporter_password == "kept redis_exporter_password"
