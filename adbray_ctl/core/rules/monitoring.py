"""Rules of monitoring across values of fleet.yml."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.rules.ports import port_faults
from adbray_ctl.core.spec.faults import Fault
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.grafana import Grafana
from adbray_ctl.core.spec.monitoring import Listen
from adbray_ctl.core.text import did_you_mean, some


def monitoring_faults(fleet: Fleet) -> Iterator[Fault]:
    """The faults of ``monitoring`` in fleet.yml."""
    if fleet.monitoring is None:
        return
    known = tuple(host.name for host in fleet.hosts if not host.retired)
    name = fleet.monitoring.host
    if name not in known:
        hint = did_you_mean(name, known)
        what = f"host {name!r} is not in fleet.yml, or is retired"
        yield Fault(("monitoring", "host"), what, some(known), hint)
    first: dict[int, tuple[str, ...]] = {}
    for key, port in fleet.monitoring.ports.items():
        yield from port_faults(fleet, port, ("monitoring", *key))
        if first.setdefault(port, key) != key:
            what = f"{port} is the {'.'.join(first[port])} too"
            yield Fault(("monitoring", *key), what, "different ports", relative=True)
    web = fleet.monitoring.web
    if web is not None and (web.certificate_file is None) != (web.key_file is None):
        what = "a certificate and its private key come together, and one is missing"
        allowed = "certificate_file and key_file, or neither"
        yield Fault(("monitoring", "web"), what, allowed, relative=True)
    if fleet.monitoring.grafana is not None:
        yield from _grafana(fleet.monitoring.grafana, fleet.monitoring.listen)


def _grafana(grafana: Grafana, listen: Listen) -> Iterator[Fault]:
    path = ("monitoring", "grafana")
    if grafana.deb is not None and grafana.tarball is not None:
        what = "a package and an archive, and Grafana comes from one"
        yield Fault((*path, "deb"), what, "deb or tarball, not both", relative=True)
    tarball = grafana.tarball
    if tarball is not None and (tarball.url is None) == (tarball.path is None):
        what = "an archive comes from a URL or from a file"
        yield Fault((*path, "tarball"), what, "url or path, and not both", relative=True)
    if grafana.panels_in_ray and listen is not Listen.HOST:
        what = "heads ask Grafana and Prometheus whether they are there, and cannot reach them"
        allowed = "false, or listen: host beside grafana"
        yield Fault((*path, "panels_in_ray"), what, allowed, relative=True)
