"""What browsers need: made once, and back from the host that they go to."""

from __future__ import annotations

from adbray_ctl.core.desired.web import CERTIFICATE, KEY, ON_HOST, PASSWORD, WebSecrets, web_address
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.hosts import HostObservation
from adbray_ctl.core.spec.web import Web
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools


def ensure_web(tools: Tools, prepared: Prepared) -> None:
    """Nothing where the fleet has nothing for browsers. Raises HostError."""
    monitoring = prepared.fleet.monitoring
    if monitoring is None or monitoring.web is None:
        return
    if not tools.secrets.has_web() and told_by(prepared, monitoring.host, "web server").web:
        tools.secrets.store_web(_kept(tools, prepared, monitoring.host, monitoring.web))
    tools.secrets.create_web(web_address(prepared.fleet))


def told_by(prepared: Prepared, host: str, what: str) -> HostObservation:
    """What the ``host`` of ``what`` tells. HostError if it is silent: a second password is none."""
    seen = prepared.observed.host(host)
    if seen.error:
        raise HostError(
            f"it does not tell whether a {what} stands there: {seen.error}",
            where=seen.host,
            hint="its password is not on this machine; run the command again when the host answers",
        )
    return seen


def _kept(tools: Tools, prepared: Prepared, host: str, wanted: Web) -> WebSecrets:
    """What another control machine has made."""

    def kept(name: str) -> str:
        return tools.hosts.read_file(prepared.fleet, host, f"{ON_HOST}/{name}").decode()

    if wanted.certificate_file:  # what is there is the operator's own
        return WebSecrets(password=kept(PASSWORD))
    return WebSecrets(password=kept(PASSWORD), certificate=kept(CERTIFICATE), key=kept(KEY))
