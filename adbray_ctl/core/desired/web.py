"""What browsers need of the host they go to: paths there, and secrets that all groups share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.spec.fleet import Fleet

PROMETHEUS = "/prometheus/"
ALERTMANAGER = "/alertmanager/"

# Files of the secrets, here and, without the hash, on the host.
PASSWORD = "password"  # noqa: S105  # a name
HASH = "password_hash"
CERTIFICATE = "web.crt"
KEY = "web.key"
ON_HOST = "/etc/adbray-web"


class WebSecrets(BaseModel):
    """A password, and a certificate with its key as PEM; these are empty if they are not known."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    password: str
    certificate: str = ""
    key: str = ""


def web_address(fleet: Fleet) -> str:
    """How browsers name the host of Prometheus; empty if there is nothing for them."""
    wanted = fleet.monitoring
    if wanted is None or wanted.web is None:
        return ""
    return wanted.web.address or fleet.host(wanted.host).address


def web_url(fleet: Fleet) -> str:
    """Where browsers find all that is shown, ending in a slash; empty if nothing is."""
    wanted = fleet.monitoring
    if wanted is None or wanted.web is None:
        return ""
    return f"https://{web_address(fleet)}:{wanted.web.port}/"
