"""What the operator writes of monitoring: where it stands, and whom alerts go to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from adbray_ctl.core.spec.base import SPEC_CONFIG
from adbray_ctl.core.spec.grafana import Grafana
from adbray_ctl.core.spec.impact import MEASURES
from adbray_ctl.core.spec.strings import DURATION, FilePath, Name
from adbray_ctl.core.spec.web import Port, Web


class Listen(StrEnum):
    """Who reaches Prometheus, Alertmanager and Grafana. The first two ask nobody who they are."""

    LOOPBACK = "loopback"
    """Who is on their host: through an SSH tunnel."""
    HOST = "host"
    """Who reaches their host."""


class Monitoring(BaseModel):
    """One Prometheus with Alertmanager for all groups, and a node exporter on their hosts."""

    model_config = SPEC_CONFIG

    host: Annotated[Name, MEASURES]
    """The host of the fleet that carries them. What they need is to be in its system_reserved."""
    retention: Annotated[str, Field(pattern=DURATION), MEASURES] = "15d"
    """How long samples are kept: hours, days, weeks or years, for example 15d."""
    listen: Annotated[Listen, MEASURES] = Listen.LOOPBACK
    """loopback: Prometheus, Alertmanager and Grafana are reached on their own host alone; host: by
    whoever reaches it, Alertmanager only without webhook_url_file."""
    prometheus_port: Port = 9090
    """Port of Prometheus."""
    alertmanager_port: Port = 9093
    """Port of Alertmanager."""
    node_exporter_port: Port = 9100
    """Port of the node exporters."""
    grafana_port: Port = 3000
    """Port of Grafana."""
    webhook_url_file: Annotated[FilePath | None, MEASURES] = None
    """File on this machine that holds the URL alerts are posted to; relative to fleet.yml. Who
    is on host can read the URL. Default: alerts are shown and go nowhere."""
    web: Web | None = None
    """A web server before them, for browsers. Default: they are reached through SSH tunnels."""
    grafana: Grafana | None = None
    """Dashboards. Default: there is no Grafana."""

    @property
    def ports(self) -> dict[tuple[str, ...], int]:
        """The ports by the paths of the keys that set them."""
        keys = ["prometheus_port", "alertmanager_port", "node_exporter_port"]
        if self.grafana is not None:
            keys.append("grafana_port")
        found: dict[tuple[str, ...], int] = {(key,): getattr(self, key) for key in keys}
        return found | ({("web", "port"): self.web.port} if self.web else {})
