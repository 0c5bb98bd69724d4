"""Grafana: what a plan does for it, and what Grafana and heads are told of each other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adbray_ctl.core.desired.desired import desired_of
from adbray_ctl.core.desired.grafana import RAY_DASHBOARDS, head_settings, ray_dashboard_settings
from adbray_ctl.core.desired.scrapes import monitoring_of
from adbray_ctl.core.inventory.group import build_inventory
from adbray_ctl.core.inventory.removal import build_removal_inventory
from adbray_ctl.core.inventory.site import Inventory
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.rules.fleet import check_fleet
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.settings import PANELS
from tests.unit.cluster import placed, planned
from tests.unit.core.site import SITE
from tests.unit.core.watched_group import fleet, spec, steps, watched

SHA256 = "0" * 64
EMBEDDED = {"listen": "host", "grafana": {"panels_in_ray": True}}


def inventory(wanted: Fleet) -> Inventory:
    return build_inventory(
        fleet=wanted,
        spec=spec(),
        desired=desired_of(wanted, spec(), placed(wanted, spec()), "demo-1"),
        site=SITE,
    )


def revision(wanted: Fleet, **changes: Any) -> str:
    found = monitoring_of(wanted, spec(**changes), placed(wanted, spec(**changes)))
    assert found is not None
    return found.revision


def from_plain(wanted: Fleet) -> ChangePlan:
    """The plan for ``wanted`` where monitoring without Grafana stands."""
    plain = fleet(host="m")
    return planned(wanted, spec(), watched(plain, spec(), m=revision(plain)))


def test_it_is_one_step_of_monitoring_and_touches_no_node() -> None:
    plan = from_plain(fleet(host="m", grafana={}))
    assert steps(plan) == ["monitoring: update on m"]
    assert "grafana" in plan.steps[0].roles
    assert not plan.interrupted
    assert all(change.action is Impact.KEEP for change in plan.changes)


def test_its_port_matters_only_where_it_is() -> None:
    assert revision(fleet(host="m")) == revision(fleet(host="m", grafana_port=3001))
    one, other = fleet(host="m", grafana={}), fleet(host="m", grafana={}, grafana_port=3001)
    assert revision(one) != revision(other)


def test_another_ray_brings_other_dashboards() -> None:
    older = {"ray": {"version": "2.55.0"}}
    wanted = fleet(host="m", grafana={})
    assert revision(wanted) != revision(wanted, **older)
    assert revision(fleet(host="m")) == revision(fleet(host="m"), **older)


def test_panels_in_ray_restart_heads_and_nothing_else() -> None:
    plan = from_plain(fleet(host="m", **EMBEDDED))
    hit = {change.node: change for change in plan.changes if change.action is not Impact.KEEP}
    assert {node: change.action for node, change in hit.items()} == {"head": Impact.RESTART}
    assert [field.field for field in hit["head"].fields] == [PANELS]


def test_a_head_is_told_where_to_ask_and_what_browsers_see() -> None:
    assert head_settings(fleet(), "demo") == {}
    assert head_settings(fleet(host="m", grafana={}), "demo") == {}
    behind = {"panels_in_ray": True, "url": "https://m.example.com/grafana/"}
    found = head_settings(fleet(host="m", listen="host", grafana=behind), "demo")
    assert found["RAY_GRAFANA_HOST"] == "http://10.0.0.4:3000/grafana"
    assert found["RAY_PROMETHEUS_HOST"] == "http://10.0.0.4:9090"
    assert found["RAY_GRAFANA_IFRAME_HOST"] == "https://m.example.com/grafana"
    local = head_settings(fleet(host="m", **EMBEDDED), "demo")
    assert local["RAY_GRAFANA_IFRAME_HOST"] == "http://127.0.0.1:3000/grafana"
    env = inventory(fleet(host="m", **EMBEDDED)).host_vars["a"]["ray_head_slot"]["env"]
    assert local.items() <= env.items()


def test_each_group_has_dashboards_of_its_own_under_names_that_its_head_links_to() -> None:
    long = "g" * 32
    one, other = ray_dashboard_settings("demo"), ray_dashboard_settings(long)
    uids = [v for found in (one, other) for k, v in found.items() if k.endswith("_UID")]
    assert len(set(uids)) == 2 * len(RAY_DASHBOARDS)
    assert all(re.fullmatch("[a-z0-9-]{8,40}", uid) for uid in uids)
    assert one["RAY_GRAFANA_DATA_DASHBOARD_GLOBAL_FILTERS"] == 'group="demo"'
    shown = head_settings(fleet(host="m", **EMBEDDED), "demo")
    assert {k: v for k, v in shown.items() if k.endswith("_UID")} == {
        k: v for k, v in one.items() if k.endswith("_UID")
    }


@pytest.mark.parametrize(
    ("grafana", "deb", "tarball", "sha256"),
    [
        ({}, "", "", ""),
        ({"deb": "/p/grafana.deb"}, "/p/grafana.deb", "", ""),
        ({"tarball": {"path": "/p/g.tgz", "sha256": SHA256}}, "", "/p/g.tgz", SHA256),
        (
            {"tarball": {"url": "https://h.example.com/g.tgz", "sha256": SHA256}},
            "",
            "https://h.example.com/g.tgz",
            SHA256,
        ),
    ],
)
def test_the_inventory_says_where_it_comes_from_and_names_secrets_by_their_files(
    grafana: dict[str, Any], deb: str, tarball: str, sha256: str
) -> None:
    found = inventory(fleet(host="m", grafana=grafana))
    assert found.groups["adbray_grafana"] == ("m",)
    shown = found.all_vars
    assert (shown["grafana_deb"], shown["grafana_tarball"]) == (deb, tarball)
    assert shown["grafana_tarball_sha256"] == sha256
    assert shown["grafana_password_file"] == f"{SITE.grafana_dir}/admin_password"
    assert shown["grafana_bind"] == "127.0.0.1"
    assert shown["grafana_url"] == "http://127.0.0.1:3000/grafana/"
    assert shown["grafana_ray_host"] == placed(fleet(host="m"), spec()).head.host


def test_where_it_is_wanted_no_longer_the_play_that_removes_it_has_its_host() -> None:
    found = inventory(fleet(host="m"))
    assert found.groups["adbray_monitoring"] == ("m",)
    assert found.groups["adbray_grafana"] == ()
    assert not [name for name in found.all_vars if re.match("grafana_(?!group$)", name)]


def test_slots_that_leave_its_host_leave_it_there() -> None:
    wanted = fleet(host="a", grafana={})
    for stays in (True, False):
        left = build_removal_inventory(
            fleet=wanted, group="demo", hosts=("a", "b"), site=SITE, stays=stays
        )
        assert left.host_vars["a"]["grafana_stays"] is stays
        assert left.host_vars["b"]["grafana_stays"] is False


@pytest.mark.parametrize(
    ("monitoring", "key"),
    [
        ({"grafana": {"panels_in_ray": True}}, "panels_in_ray"),
        (
            {"grafana": {"deb": "g.deb", "tarball": {"path": "g.tgz", "sha256": SHA256}}},
            "deb",
        ),
        ({"grafana": {"tarball": {"sha256": SHA256}}}, "tarball"),
        (
            {
                "grafana": {
                    "tarball": {"path": "g", "url": "http://h.example.com/g", "sha256": SHA256}
                }
            },
            "tarball",
        ),
    ],
)
def test_faults_of_what_does_not_go_together(monitoring: dict[str, Any], key: str) -> None:
    (fault,) = check_fleet(fleet(host="m", **monitoring))
    assert fault.path == ("monitoring", "grafana", key)


def test_its_port_is_its_own() -> None:
    taken = {"grafana_port": 9090}
    assert check_fleet(fleet(host="m", **taken)) == ()
    (fault,) = check_fleet(fleet(host="m", grafana={}, **taken))
    assert fault.path == ("monitoring", "grafana_port")
