"""What the operator writes of the way for browsers: its port, its name, and its certificate."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, PrivateAttr

from adbray_ctl.core.spec.addresses import Address
from adbray_ctl.core.spec.base import SPEC_CONFIG
from adbray_ctl.core.spec.impact import MEASURES
from adbray_ctl.core.spec.strings import USER, FilePath

Port = Annotated[int, Field(strict=True, ge=1024, le=65535), MEASURES]


class Web(BaseModel):
    """Prometheus, Alertmanager and the groups' dashboards over HTTPS, for who has a password.

    adbray makes the password, and `adbray addresses` tells in which file it is.
    """

    model_config = SPEC_CONFIG

    port: Port = 8443
    """Port of the web server, on all addresses of its host."""
    user: Annotated[str, Field(pattern=USER), MEASURES] = "admin"
    """Whom the password belongs to."""
    address: Annotated[Address | None, MEASURES] = None
    """How browsers name the host: it stands in links of alerts and in adbray's certificate.
    Default: the host's address."""
    certificate_file: Annotated[FilePath | None, MEASURES] = None
    """File on this machine with a certificate of your own, PEM, those of its issuers after it;
    relative to fleet.yml. Default: one that adbray makes, which browsers ask about once."""
    key_file: Annotated[FilePath | None, MEASURES] = None
    """File with its private key, without a passphrase."""

    # What is in certificate_file: a renewed one is a change, though fleet.yml says the same.
    _fingerprint: str = PrivateAttr("")

    @property
    def fingerprint(self) -> str:
        """Of the certificate in ``certificate_file``; empty where there is none."""
        return self._fingerprint

    def located(self, certificate_file: str, key_file: str, fingerprint: str) -> Web:
        """The same with absolute files, and what is in the first."""
        found = self.model_copy(update={"certificate_file": certificate_file, "key_file": key_file})
        found._fingerprint = fingerprint  # noqa: SLF001  # one of its own class
        return found
