"""What Prometheus is told of a group, and when a plan has work for it."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.desired.desired import desired_of
from adbray_ctl.core.desired.scrapes import monitoring_of
from adbray_ctl.core.desired.web import web_url
from adbray_ctl.core.inventory.group import build_inventory
from adbray_ctl.core.inventory.site import Inventory
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.rules.fleet import check_fleet
from adbray_ctl.core.spec.fleet import Fleet
from tests.unit.cluster import placed, planned
from tests.unit.core.site import SITE
from tests.unit.core.watched_group import fleet, monitored, spec, steps, watched

ROLES = ("node_exporter", "alertmanager", "web_proxy", "grafana", "prometheus")


def inventory_of(wanted: Fleet, topology: Topology) -> Inventory:
    desired = desired_of(wanted, spec(), topology, "demo-1")
    return build_inventory(fleet=wanted, spec=spec(), desired=desired, site=SITE)


def named(job: dict[str, Any]) -> dict[str, str]:
    """`slot/worker group/host` by address, as the job's relabeling has it."""
    return {
        rule["regex"].replace("\\", ""): rule["replacement"]
        for rule in job["relabel_configs"]
        if rule["target_label"] == "__tmp_slot"
    }


def test_without_monitoring_nothing_is_told_and_nothing_planned() -> None:
    assert monitoring_of(fleet(), spec(), placed(fleet(), spec())) is None
    assert planned(fleet(), spec(), watched(fleet(), spec())).is_empty


def test_every_slot_is_named_by_its_port_and_the_head_is_always_a_target() -> None:
    found, topology = monitored(fleet(host="m"), spec())
    job = found.scrapes[0]
    head = topology.head
    names = named(job)
    for worker in topology.workers:
        at = f"{worker.address}:{worker.ports['metrics']}"
        assert names[at] == f"{worker.slot}/w/{worker.host}"
    at = f"{head.address}:{head.ports['metrics']}"
    assert names[at] == f"head//{head.host}"
    assert names[f"{head.address}:{head.ports['autoscaler_metrics']}"] == f"autoscaler//{head.host}"
    assert names[f"{head.address}:{head.ports['dashboard_metrics']}"] == f"dashboard//{head.host}"
    assert job["static_configs"] == [{"targets": [at], "labels": {"job": "ray"}}]
    (discovery,) = job["http_sd_configs"]
    assert discovery["url"] == f"http://{head.address}:8265/api/prometheus/sd"
    file = "/etc/adbray-monitoring/tokens/demo"
    assert discovery["authorization"] == {"type": "Bearer", "credentials_file": file}


def test_of_a_head_that_may_move_all_places_are_called_head_and_no_host() -> None:
    on = {"names": ["a", "b", "c"]}
    group = spec(head={"standby": 1, "virtual_ip": "10.0.0.99", "hosts": on})
    found, topology = monitored(fleet(host="m"), group)
    heads = {text for at, text in named(found.scrapes[0]).items() if text.startswith("head/")}
    assert heads == {"head//"}
    assert len(topology.heads) == 2
    targets = found.scrapes[0]["static_configs"][0]["targets"]
    assert targets == list(dict.fromkeys(f"10.0.0.99:{p.ports['metrics']}" for p in topology.heads))


def test_each_redis_has_its_exporter_and_each_sentinel_its_socket() -> None:
    found, topology = monitored(fleet(host="m"), spec(redis={"mode": "sentinel"}))
    ray, redis, sentinel = found.scrapes
    assert [job["job_name"] for job in (ray, redis, sentinel)] == [
        "ray-demo",
        "redis-demo",
        "sentinel-demo",
    ]
    places = [(t["targets"], t["labels"]["slot"]) for t in redis["static_configs"]]
    wanted = [([f"{p.address}:{p.ports['exporter']}"], p.slot) for p in topology.redis]
    assert places == wanted
    assert sentinel["params"] == {"target": ["unix:///run/adbray-sentinel.demo/sentinel.sock"]}
    alone, _ = monitored(fleet(host="m"), spec(redis={"mode": "none"}))
    assert [job["job_name"] for job in alone.scrapes] == ["ray-demo"]


def test_every_host_of_the_group_and_the_one_that_watches_are_measured() -> None:
    found, topology = monitored(fleet(host="m", node_exporter_port=9200), spec())
    assert found.hosts == (*topology.hosts, "m")
    nodes = {node["labels"]["host"]: node for node in found.nodes}
    assert nodes["m"]["targets"] == ["127.0.0.1:9200"]
    assert nodes["a"]["targets"] == ["10.0.0.1:9200"]
    sleeps = {name: node["labels"]["sleeps"] for name, node in nodes.items()}
    assert sleeps == {name: str(name == "c").lower() for name in sleeps}


def test_two_groups_tell_the_same_of_a_host_that_both_use() -> None:
    one, _ = monitored(fleet(host="a"), spec())
    other, _ = monitored(fleet(host="a"), spec(name="other"))
    shared = {node["labels"]["host"]: node for node in other.nodes}
    assert all(node == shared[node["labels"]["host"]] for node in one.nodes)


def test_it_is_installed_once_and_updated_when_the_fleet_asks_for_something_else() -> None:
    wanted = fleet(host="m")
    plan = planned(wanted, spec(), watched(wanted, spec()))
    assert steps(plan) == ["monitoring: install on m"]
    assert not plan.is_empty
    assert not plan.interrupted
    assert (plan.steps[0].roles, plan.steps[0].members) == (ROLES, ())
    found, topology = monitored(wanted, spec())
    assert set(plan.steps[0].hosts) == {*topology.hosts, "m"}

    again = watched(wanted, spec(), m=found.revision)
    assert planned(wanted, spec(), again).is_empty
    longer = fleet(host="m", retention="30d")
    assert steps(planned(longer, spec(), again)) == ["monitoring: update on m"]


def test_more_workers_are_new_targets_and_come_after_the_workers_themselves() -> None:
    wanted = fleet(host="m")
    found, _ = monitored(wanted, spec())
    group = {"name": "w", "size": "small", "min_workers": 2, "max_workers": 5}
    more = spec(worker_groups=[group])
    titles = steps(planned(wanted, more, watched(wanted, spec(), m=found.revision)))
    assert titles[-1] == "monitoring: update on m"
    assert len(titles) > 1


def test_where_it_moved_away_or_is_wanted_no_longer_it_is_removed() -> None:
    wanted = fleet(host="m")
    found, topology = monitored(wanted, spec())
    seen = watched(wanted, spec(), a="old", m=found.revision)
    (moved,) = planned(wanted, spec(), seen).steps
    assert moved.title == "monitoring: update on m, remove from a"

    (gone,) = planned(fleet(), spec(), watched(fleet(), spec(), m=found.revision)).steps
    assert gone.title.startswith("monitoring: remove it from ")
    assert set(gone.hosts) == {*topology.hosts, "m"}
    # That broke off (roles/prometheus/tasks/delete.yml), and is not wanted any more.
    (again,) = planned(wanted, spec(), watched(wanted, spec(), m="")).steps
    assert again.title == "monitoring: update on m"


def test_browsers_are_shown_all_at_one_place_and_links_lead_there() -> None:
    shown = fleet(host="m", web={"port": 8444})
    found, topology = monitored(shown, spec())
    inventory = inventory_of(shown, topology)
    assert inventory.groups["adbray_web"] == ("m",)
    given = inventory.all_vars
    assert found.dashboard == given["web_proxy_dashboard"] == f"{topology.head_address}:8265"
    assert given["web_proxy_port"] == 8444
    assert given["web_proxy_password_file"] == f"{SITE.web_dir}/password"
    assert given["web_proxy_certificate_file"] == f"{SITE.web_dir}/web.crt"
    assert given["prometheus_path"] == "/prometheus/"
    assert given["prometheus_external_url"] == "https://10.0.0.4:8444/prometheus/"
    assert given["alertmanager_external_url"] == "https://10.0.0.4:8444/alertmanager/"

    named = fleet(host="m", web={"address": "ray.example.com"})
    assert web_url(named) == "https://ray.example.com:8443/"
    plain, _ = monitored(fleet(host="m"), spec())
    inventory = inventory_of(fleet(host="m"), topology)
    assert not plain.shown
    assert inventory.groups["adbray_web"] == ()
    assert inventory.all_vars["prometheus_path"] == "/"
    assert not [name for name in inventory.all_vars if name.startswith("web_proxy_p")]


def test_the_url_of_a_webhook_is_not_shown_to_the_network() -> None:
    def binds(**monitoring: str) -> tuple[str, str]:
        asked = fleet(host="m", **monitoring)
        topology = placed(asked, spec())
        given = inventory_of(asked, topology).all_vars
        return given["prometheus_bind"], given["alertmanager_bind"]

    assert binds(listen="host") == ("0.0.0.0", "0.0.0.0")  # noqa: S104  # as it was asked for
    assert binds(listen="host", webhook_url_file="/p/webhook") == ("0.0.0.0", "127.0.0.1")  # noqa: S104
    assert binds(webhook_url_file="/p/webhook") == ("127.0.0.1", "127.0.0.1")


def test_of_a_head_that_may_move_browsers_see_the_address_that_moves_with_it() -> None:
    on = {"names": ["a", "b", "c"]}
    group = spec(head={"standby": 1, "virtual_ip": "10.0.0.99", "hosts": on})
    found, _ = monitored(fleet(host="m", web={}), group)
    assert found.dashboard == "10.0.0.99:8265"


def test_a_way_for_browsers_is_a_change_and_so_is_a_renewed_certificate() -> None:
    plain, wanted = fleet(host="m"), fleet(host="m", web={})
    found, _ = monitored(plain, spec())
    seen = watched(plain, spec(), m=found.revision)
    assert steps(planned(wanted, spec(), seen)) == ["monitoring: update on m"]

    def renewed(fingerprint: str) -> Fleet:
        assert wanted.monitoring is not None
        assert wanted.monitoring.web is not None
        web = wanted.monitoring.web.located("/c", "/k", fingerprint)
        monitoring = wanted.monitoring.model_copy(update={"web": web})
        return wanted.model_copy(update={"monitoring": monitoring})

    found, _ = monitored(renewed("one"), spec())
    seen = watched(plain, spec(), m=found.revision)
    assert planned(renewed("one"), spec(), seen).is_empty
    assert steps(planned(renewed("two"), spec(), seen)) == ["monitoring: update on m"]


def test_faults_name_an_unknown_host_and_a_port_that_slots_or_another_part_use() -> None:
    web = {"port": 9100, "key_file": "web.key"}
    asked = fleet(host="x", prometheus_port=20010, alertmanager_port=9100, web=web)
    faults = {fault.path: fault.what for fault in check_fleet(asked)}
    assert set(faults) == {
        ("monitoring", "host"),
        ("monitoring", "prometheus_port"),
        ("monitoring", "node_exporter_port"),
        ("monitoring", "web", "port"),
        ("monitoring", "web"),
    }
