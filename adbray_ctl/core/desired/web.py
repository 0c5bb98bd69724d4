"""What browsers need of the host they go to: paths there, and secrets that all groups share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

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

    model_config = ConfigDict(frozen=True, extra="forbid")

    password: str
    certificate: str = ""
    key: str = ""
