"""What browsers need comes back from the host that they go to, and addresses tell of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl import wiring
from adbray_ctl.adapters.state.certificate import own_certificate
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.status import addresses, status
from adbray_ctl.services.tools import Tools
from adbray_ctl.services.web import ensure_web
from adbray_ctl.testing.hosts import FakeHosts
from tests.unit.cluster import applied, desired, placed, planned
from tests.unit.services.two_hosts import FLEET, GROUP

NAMES = ("password", "web.crt", "web.key")
WEB = "monitoring: {host: a, web: {user: ops}}\n"


def project(directory: Path, web: str) -> Tools:
    (directory / "groups").mkdir(parents=True)
    (directory / "fleet.yml").write_text(FLEET + web)
    (directory / "groups" / "demo.yml").write_text(GROUP)
    return wiring.tools(directory)


def seen(tools: Tools, **said: Any) -> Observed:
    """The group as it stands; its first host tells this besides."""
    fleet = tools.specs.fleet()
    spec = tools.specs.group("demo", fleet)
    found = applied(fleet, spec, placed(fleet, spec), ray=False)
    return Observed(
        hosts=tuple(h.model_copy(update=said if h.host == "a" else {}) for h in found.hosts)
    )


def ensured(tools: Tools, observed: Observed, files: dict[str, str]) -> Path:
    fleet = tools.specs.fleet()
    spec = tools.specs.group("demo", fleet)
    prepared = Prepared(
        fleet=fleet,
        spec=spec,
        observed=observed,
        desired=desired(fleet, spec, placed(fleet, spec, observed), observed),
        plan=planned(fleet, spec, observed),
    )
    ensure_web(replace(tools, hosts=FakeHosts(observed, files)), prepared)
    return Path(tools.secrets.site("demo").web_dir)


KEPT = {
    f"/etc/adbray-web/{name}": pem.decode()
    for name, pem in zip(("web.crt", "web.key"), own_certificate("a", "10.0.0.1"), strict=True)
} | {"/etc/adbray-web/password": "known"}


def test_without_browsers_nothing_is_made(tmp_path: Path) -> None:
    tools = project(tmp_path, "monitoring: {host: a}\n")
    assert not ensured(tools, seen(tools, error="no answer"), {}).exists()


def test_where_nothing_stands_a_password_is_made(tmp_path: Path) -> None:
    tools = project(tmp_path, WEB)
    folder = ensured(tools, seen(tools), {})
    assert len((folder / "password").read_text()) == 32


def test_what_stands_there_is_taken_over(tmp_path: Path) -> None:
    tools = project(tmp_path, WEB)
    folder = ensured(tools, seen(tools, web=True), KEPT)
    assert {f"/etc/adbray-web/{n}": (folder / n).read_text() for n in NAMES} == KEPT
    ensured(tools, seen(tools, web=True), {"/etc/adbray-web/password": "another"})
    assert (folder / "password").read_text() == "known"


@pytest.mark.parametrize("said", [{"error": "no answer"}, {"web": True}])
def test_no_password_is_made_beside_one_that_cannot_be_had(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    """The host is silent, or falls silent."""
    tools = project(tmp_path, WEB)
    with pytest.raises(HostError) as caught:
        ensured(tools, seen(tools, **said), {})
    assert caught.value.where == "a"
    assert not tools.secrets.has_web()


def test_one_that_is_here_needs_nothing_of_a_silent_host(tmp_path: Path) -> None:
    tools = project(tmp_path, WEB)
    folder = ensured(tools, seen(tools), {})
    made = (folder / "password").read_text()
    ensured(tools, seen(tools, error="no answer"), {})
    assert (folder / "password").read_text() == made


def test_addresses_tell_where_browsers_go_and_never_the_password(tmp_path: Path) -> None:
    plain, shown = project(tmp_path / "plain", ""), project(tmp_path / "shown", WEB)
    observed = seen(shown, web=True)
    found = addresses(replace(shown, hosts=FakeHosts(observed)), "demo")
    assert found.web == "https://10.0.0.1:8443/"
    assert found.web_user == "ops"
    assert found.web_password_file == f"{shown.secrets.site('demo').web_dir}/password"
    (one,) = status(replace(shown, hosts=FakeHosts(observed)), ("demo",))
    assert one.addresses == found
    assert addresses(replace(plain, hosts=FakeHosts(observed)), "demo").web is None
