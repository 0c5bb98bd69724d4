"""What browsers need: made once, and back from the host that they go to."""

from __future__ import annotations

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.monitoring import web_address
from adbray_ctl.core.spec_web import Web
from adbray_ctl.core.web import CERTIFICATE, KEY, ON_HOST, PASSWORD, WebSecrets
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools


def ensure_web(tools: Tools, prepared: Prepared) -> None:
    """Nothing where the fleet has nothing for browsers."""
    monitoring = prepared.fleet.monitoring
    if monitoring is None or monitoring.web is None:
        return
    stands = bool(prepared.observed.host(monitoring.host).watched)
    if stands and not tools.secrets.has_web():
        found = _kept(tools, prepared, monitoring.host, monitoring.web)
        if found is not None:
            tools.secrets.store_web(found)
    tools.secrets.create_web(web_address(prepared.fleet))


def _kept(tools: Tools, prepared: Prepared, host: str, wanted: Web) -> WebSecrets | None:
    """What another control machine has made; None if nothing for browsers stands there."""

    def kept(name: str) -> str:
        return tools.hosts.read_file(prepared.fleet, host, f"{ON_HOST}/{name}").decode()

    try:
        password = kept(PASSWORD)
    except HostError:
        return None
    if wanted.certificate_file:  # what is there is the operator's own
        return WebSecrets(password=password)
    return WebSecrets(password=password, certificate=kept(CERTIFICATE), key=kept(KEY))
