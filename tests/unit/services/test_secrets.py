"""Secrets of a standing group come back from its hosts, and what they never had is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adbray_ctl import wiring
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.slot.record import SlotKind, revision_of
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.secrets import ensure_all, ensure_secrets
from adbray_ctl.services.tools import Tools
from adbray_ctl.testing.hosts import FakeHosts
from tests.unit.cluster import applied, desired, placed, planned
from tests.unit.services.two_hosts import FLEET, GROUP


def standing(fleet: Fleet, spec: RayClusterSpec, *, older: bool) -> Observed:
    """The group as it was applied; by an ``older`` adbray its Redis has no exporter."""
    seen = applied(fleet, spec, placed(fleet, spec), ray=False)
    if not older:
        return seen
    hosts = []
    for host in seen.hosts:
        slots = []
        for slot in host.slots:
            ports = dict(slot.record.ports)
            if slot.record.kind is SlotKind.REDIS:
                del ports["exporter"]
            settings = slot.record.settings | {"ports": ports}
            record = slot.record.model_copy(
                update={"ports": ports, "settings": settings, "revision": revision_of(settings)}
            )
            slots.append(slot.model_copy(update={"record": record}))
        hosts.append(host.model_copy(update={"slots": tuple(slots)}))
    return seen.model_copy(update={"hosts": tuple(hosts)})


@pytest.mark.parametrize("older", [False, True])
def test_an_exporter_s_password_comes_back_or_is_made(tmp_path: Path, *, older: bool) -> None:
    (tmp_path / "groups").mkdir()
    (tmp_path / "fleet.yml").write_text(FLEET)
    (tmp_path / "groups" / "demo.yml").write_text(GROUP)
    names = ["token", "redis_password", "redis.crt", "redis.key", "slot_key"]
    names += [] if older else ["redis_exporter_password"]
    tools = wiring.tools(tmp_path)
    # So that its public half can be told.
    tools.secrets.create("another")
    files = {f"/etc/adbray/demo/{name}": f"kept {name}" for name in names}
    files["/etc/adbray/demo/slot_key"] = tools.secrets.load("another").slot_key
    fleet = tools.specs.fleet()
    spec = tools.specs.group("demo", fleet)
    seen = standing(fleet, spec, older=older)
    prepared = Prepared(
        fleet=fleet,
        spec=spec,
        observed=seen,
        desired=desired(fleet, spec, placed(fleet, spec, seen), seen),
        plan=planned(fleet, spec, seen),
    )
    assert {change.node for change in prepared.plan.changes if change.fields} == (
        {"redis"} if older else set()
    )
    ensure_secrets(replace(tools, hosts=FakeHosts(seen, files)), prepared)
    found = tools.secrets.load("demo")
    assert found.token == "kept token"
    assert found.redis_password == "kept redis_password"
    if older:
        assert len(found.redis_exporter_password) == 64
    else:
        assert found.redis_exporter_password == "kept redis_exporter_password"


GRAFANA = {
    f"/etc/adbray-monitoring/grafana/{name}": f"kept {name}"
    for name in ("admin_password", "secret_key")
}


def monitored(tmp_path: Path, **seen: Any) -> tuple[Tools, Prepared]:
    """A new group of a fleet with Grafana, whose host tells what is ``seen`` there."""
    (tmp_path / "groups").mkdir()
    (tmp_path / "fleet.yml").write_text(FLEET + "monitoring: {host: b, grafana: {}}\n")
    (tmp_path / "groups" / "demo.yml").write_text(GROUP)
    tools = wiring.tools(tmp_path)
    fleet = tools.specs.fleet()
    spec = tools.specs.group("demo", fleet)
    observed = Observed(hosts=(HostObservation(host="a"), HostObservation(host="b", **seen)))
    prepared = Prepared(
        fleet=fleet,
        spec=spec,
        observed=observed,
        desired=desired(fleet, spec, placed(fleet, spec)),
        plan=planned(fleet, spec),
    )
    return replace(tools, hosts=FakeHosts(observed, GRAFANA)), prepared


@pytest.mark.parametrize("stands", [False, True])
def test_grafana_s_password_is_made_or_comes_back(tmp_path: Path, *, stands: bool) -> None:
    tools, prepared = monitored(tmp_path, grafana=stands)
    ensure_all(tools, prepared)
    file = Path(tools.secrets.site("demo").grafana_dir, "admin_password")
    made = file.read_text()
    assert (made == "kept admin_password") is stands
    ensure_all(tools, prepared)
    assert file.read_text() == made


def test_no_password_is_made_while_grafana_s_host_says_nothing(tmp_path: Path) -> None:
    tools, prepared = monitored(tmp_path, error="no answer")
    with pytest.raises(HostError) as caught:
        ensure_all(tools, prepared)
    assert caught.value.where == "b"
    assert not tools.secrets.has_grafana()


def test_a_group_s_own_secrets_need_nothing_of_grafana_s_host(tmp_path: Path) -> None:
    """A backup takes them alone: it must be had while the host of Grafana is down."""
    tools, prepared = monitored(tmp_path, error="no answer")
    ensure_secrets(tools, prepared)
    assert tools.secrets.has("demo")
    assert not tools.secrets.has_grafana()
