"""What browsers need comes back from the host that they go to, and addresses tell of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adbray_ctl import wiring
from adbray_ctl.adapters.certificate import own_certificate
from adbray_ctl.core.observed import Observed
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.status import addresses, status
from adbray_ctl.services.tools import Tools
from adbray_ctl.services.web import ensure_web
from tests.unit.cluster import NAMESPACE, applied, placed, planned
from tests.unit.services.test_secrets import FLEET, GROUP, Hosts

WEB = "monitoring: {host: a, web: {user: ops}}\n"


def project(directory: Path, web: str) -> Tools:
    (directory / "groups").mkdir(parents=True)
    (directory / "fleet.yml").write_text(FLEET + web)
    (directory / "groups" / "demo.yml").write_text(GROUP)
    return wiring.tools(directory)


def seen(tools: Tools, *, watched: bool) -> Observed:
    fleet = tools.specs.fleet()
    spec = tools.specs.group("demo", fleet)
    found = applied(fleet, spec, placed(fleet, spec), ray=False)
    told = {"demo": "r1"} if watched else {}
    hosts = [h.model_copy(update={"watched": told if h.host == "a" else {}}) for h in found.hosts]
    return Observed(hosts=tuple(hosts))


def ensured(tools: Tools, observed: Observed, files: dict[str, str]) -> Path:
    fleet = tools.specs.fleet()
    spec = tools.specs.group("demo", fleet)
    prepared = Prepared(
        fleet=fleet,
        spec=spec,
        observed=observed,
        topology=placed(fleet, spec, observed),
        namespace=NAMESPACE,
        plan=planned(fleet, spec, observed),
    )
    ensure_web(replace(tools, hosts=Hosts(observed, files)), prepared)
    return Path(tools.secrets.site("demo").web_dir)


def test_without_browsers_nothing_is_made(tmp_path: Path) -> None:
    tools = project(tmp_path, "monitoring: {host: a}\n")
    assert not ensured(tools, seen(tools, watched=False), {}).exists()


@pytest.mark.parametrize("watched", [False, True])
def test_where_nothing_stands_a_password_is_made(tmp_path: Path, *, watched: bool) -> None:
    tools = project(tmp_path, WEB)
    folder = ensured(tools, seen(tools, watched=watched), {})
    assert len((folder / "password").read_text()) == 32


def test_what_stands_there_is_taken_over(tmp_path: Path) -> None:
    tools = project(tmp_path, WEB)
    certificate, key = (pem.decode() for pem in own_certificate("a", "10.0.0.1"))
    names = {"password": "known", "web.crt": certificate, "web.key": key}
    files = {f"/etc/adbray-web/{name}": text for name, text in names.items()}
    folder = ensured(tools, seen(tools, watched=True), files)
    assert {name: (folder / name).read_text() for name in names} == names
    ensured(tools, seen(tools, watched=True), {"/etc/adbray-web/password": "another"})
    assert (folder / "password").read_text() == "known"


def test_addresses_tell_where_browsers_go_and_never_the_password(tmp_path: Path) -> None:
    plain, shown = project(tmp_path / "plain", ""), project(tmp_path / "shown", WEB)
    observed = seen(shown, watched=True)
    found = addresses(replace(shown, hosts=Hosts(observed, {})), "demo")
    assert found.web == "https://10.0.0.1:8443/"
    assert found.web_user == "ops"
    assert found.web_password_file == f"{shown.secrets.site('demo').web_dir}/password"
    (one,) = status(replace(shown, hosts=Hosts(observed, {})), ("demo",))
    assert one.addresses == found
    assert addresses(replace(plain, hosts=Hosts(observed, {})), "demo").web is None
