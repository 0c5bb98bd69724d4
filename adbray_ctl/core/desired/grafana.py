"""What Grafana, the code that makes Ray's dashboards and a group's head are told of each other."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.desired.web import PROMETHEUS, web_url
from adbray_ctl.core.spec.fleet import Fleet

# Grafana serves everything below it, so that it can share an address with other pages.
SUB_PATH = "/grafana"
DATASOURCE = "Prometheus"
# As the roles grafana and prometheus have them.
SECRETS_DIR = "/etc/adbray-monitoring/grafana"
# By the names that Ray 2.60 has for the settings of each (dashboards/common.py: DashboardConfig).
# One that an older Ray lacks is a setting that nobody reads.
RAY_DASHBOARDS = (
    "DEFAULT",
    "SERVE",
    "SERVE_DEPLOYMENT",
    "SERVE_LLM",
    "SERVE_LLM_SGLANG",
    "DATA",
    "DATA_LLM",
    "TRAIN",
)


class GrafanaSecrets(BaseModel):
    """What a Grafana is made with: its admin's password, and what it encrypts its database by."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    admin_password: str
    secret_key: str


def page_url(fleet: Fleet) -> str:
    """Where browsers find Grafana, with a slash at its end; empty if there is none."""
    wanted = fleet.monitoring
    if wanted is None or wanted.grafana is None:
        return ""
    before = web_url(fleet).rstrip("/") or f"http://127.0.0.1:{wanted.grafana_port}"
    return wanted.grafana.url or f"{before}{SUB_PATH}/"


def ray_dashboard_settings(group: str) -> dict[str, str]:
    """What makes Ray's dashboards a group's own, as environment of the code that makes them.

    Each is known by a name of its own, of at most 40 characters, and asks for this group alone, as
    far as Ray has a place for that: in 2.60 the one of Ray Data's LLMs has none.
    """
    names = _dashboard_uids(group)
    filters = {
        f"RAY_GRAFANA_{name}_DASHBOARD_GLOBAL_FILTERS": f'group="{group}"'
        for name in RAY_DASHBOARDS
    }
    return names | filters


def head_settings(fleet: Fleet, group: str) -> dict[str, str]:
    """What a head must know, as environment, so that Ray's dashboard shows Grafana's panels.

    Empty where it is not to: heads of fleets without panels are what they were.
    """
    found = panels(fleet)
    return found | {"RAY_PROMETHEUS_NAME": DATASOURCE, **_dashboard_uids(group)} if found else {}


def panels(fleet: Fleet) -> dict[str, str]:
    """The part of a head's environment that tells where things are; empty without panels."""
    wanted = fleet.monitoring
    if wanted is None or wanted.grafana is None or not wanted.grafana.panels_in_ray:
        return {}
    address = fleet.host(wanted.host).address
    path = PROMETHEUS.rstrip("/") if wanted.web else ""
    return {
        # The head asks them whether they are there, the browser shows what is at the third.
        "RAY_GRAFANA_HOST": f"http://{address}:{wanted.grafana_port}{SUB_PATH}",
        "RAY_PROMETHEUS_HOST": f"http://{address}:{wanted.prometheus_port}{path}",
        "RAY_GRAFANA_IFRAME_HOST": page_url(fleet).rstrip("/"),
    }


def _dashboard_uids(group: str) -> dict[str, str]:
    digest = hashlib.sha256(group.encode()).hexdigest()[:8]
    return {
        f"RAY_GRAFANA_{name}_DASHBOARD_UID": f"ray-{name.lower().replace('_', '-')}-{digest}"
        for name in RAY_DASHBOARDS
    }
