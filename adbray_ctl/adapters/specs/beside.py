"""Files that a spec names: where they are, and whether they hold what they should."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from adbray_ctl.adapters.specs.faults import show_file
from adbray_ctl.adapters.specs.places import KeyPath
from adbray_ctl.adapters.state.private import OTHERS
from adbray_ctl.core.spec.faults import Fault
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.grafana import Grafana
from adbray_ctl.core.spec.monitoring import Monitoring
from adbray_ctl.core.spec.redis import RedisSpec
from adbray_ctl.core.spec.ssh import Jump, Ssh, SshOverride
from adbray_ctl.core.spec.strings import ALLOWED, WEBHOOK_URL


def resolved_fleet(fleet: Fleet, base: Path) -> Fleet:
    """The fleet with the files that it names made absolute (``~`` and paths beside it resolved)."""
    hosts = tuple(
        host.model_copy(update={"ssh": resolved_override(host.ssh, base)}) for host in fleet.hosts
    )
    monitoring = resolved_monitoring(fleet.monitoring, base)
    changes = {"ssh": resolved_ssh(fleet.ssh, base), "hosts": hosts, "monitoring": monitoring}
    return fleet.model_copy(update=changes)


def resolved_redis(redis: RedisSpec, base: Path) -> RedisSpec:
    """The same one where it names no file."""
    files = {name: getattr(redis, name) for name in ("password_file", "ca_file")}
    found = {name: resolved(file, base) for name, file in files.items() if file}
    return redis.model_copy(update=found) if found else redis


def file_faults(monitoring: Monitoring | None, base: Path) -> Iterator[Fault]:
    """What is wrong with the files that `monitoring` names."""
    if monitoring is not None:
        yield from _open_faults(
            ("monitoring", "webhook_url_file"), monitoring.webhook_url_file, base
        )
    if monitoring is not None and monitoring.web is not None:
        yield from _open_faults(("monitoring", "web", "key_file"), monitoring.web.key_file, base)
    yield from _webhook_faults(monitoring, base)
    yield from _certificate_faults(monitoring, base)
    yield from _grafana_faults(monitoring, base)


def redis_file_faults(redis: RedisSpec, base: Path) -> Iterator[Fault]:
    """What is wrong with the files that `redis` names."""
    yield from _open_faults(("redis", "password_file"), redis.password_file, base)


def _open_faults(key: KeyPath, name: str | None, base: Path) -> Iterator[Fault]:
    """A secret that every user of this machine can reach. A missing file is not reported here."""
    file = None if name is None else _absolute(name, base)
    with contextlib.suppress(OSError):
        if file is not None and file.stat().st_mode & OTHERS:
            what = f"{show_file(file)} can be read or changed by every user of this machine"
            yield Fault(key, what, "a file that is closed to others (chmod o-rwx)")


def _absolute(file: str, base: Path) -> Path:
    # Unlike Path.expanduser, this leaves the ~ of an unknown user as it is.
    return Path(base, os.path.expanduser(file)).absolute()  # noqa: PTH111


def resolved(file: str | None, base: Path) -> str | None:
    return None if file is None else str(_absolute(file, base))


def resolved_monitoring(monitoring: Monitoring | None, base: Path) -> Monitoring | None:
    if monitoring is None:
        return None
    web = monitoring.web
    if web is not None and web.certificate_file and web.key_file:
        file, key = _absolute(web.certificate_file, base), _absolute(web.key_file, base)
        web = web.located(str(file), str(key), _fingerprint_of(file, key))
    webhook = resolved(monitoring.webhook_url_file, base)
    grafana = _resolve_grafana(monitoring.grafana, base)
    return monitoring.model_copy(
        update={"webhook_url_file": webhook, "web": web, "grafana": grafana}
    )


def _resolve_grafana(grafana: Grafana | None, base: Path) -> Grafana | None:
    if grafana is None:
        return None
    files: dict[str, object] = {"deb": resolved(grafana.deb, base)}
    if (tarball := grafana.tarball) is not None:
        file = resolved(tarball.path, base)
        files["tarball"] = tarball.model_copy(update={"path": file})
    return grafana.model_copy(update=files)


def _resolve_jump(jump: Jump | None, base: Path) -> Jump | None:
    if jump is None:
        return None
    return jump.model_copy(update={"identity_file": resolved(jump.identity_file, base)})


def resolved_ssh(ssh: Ssh, base: Path) -> Ssh:
    return ssh.model_copy(
        update={
            "identity_file": resolved(ssh.identity_file, base),
            "jump": _resolve_jump(ssh.jump, base),
        }
    )


def resolved_override(ssh: SshOverride | None, base: Path) -> SshOverride | None:
    if ssh is None:
        return None
    # Only keys that were written: a key set here to None would hide the fleet's.
    update: dict[str, object] = {}
    if ssh.identity_file is not None:
        update["identity_file"] = resolved(ssh.identity_file, base)
    if ssh.jump is not None:
        update["jump"] = _resolve_jump(ssh.jump, base)
    return ssh.model_copy(update=update)


def _webhook_faults(monitoring: Monitoring | None, base: Path) -> Iterator[Fault]:
    """A webhook that Alertmanager would refuse, in the middle of a run. Its URL is a secret."""
    if monitoring is None or not monitoring.webhook_url_file:
        return
    file = _absolute(monitoring.webhook_url_file, base)
    try:
        if re.match(WEBHOOK_URL, file.read_text(errors="replace").strip()):
            return
        what = f"{show_file(file)} holds no URL that alerts can be posted to"
    except OSError as error:
        what = f"{show_file(file)} cannot be read: {error.strerror}"
    yield Fault(("monitoring", "webhook_url_file"), what, ALLOWED[WEBHOOK_URL])


def _certificate_faults(monitoring: Monitoring | None, base: Path) -> Iterator[Fault]:
    """An operator's own certificate that no web server would take."""
    web = monitoring.web if monitoring else None
    if web is None or not web.certificate_file or not web.key_file:
        return
    try:
        _fingerprint_of(_absolute(web.certificate_file, base), _absolute(web.key_file, base))
    except ValueError as error:
        allowed = "a certificate as PEM, and in key_file its private key without a passphrase"
        yield Fault(("monitoring", "web", "certificate_file"), str(error), allowed, relative=True)


def _grafana_faults(monitoring: Monitoring | None, base: Path) -> Iterator[Fault]:
    """Packages that the role would miss in the middle of a run."""
    grafana = monitoring.grafana if monitoring else None
    if grafana is None:
        return
    path = grafana.tarball.path if grafana.tarball else None
    files: dict[KeyPath, str | None] = {("deb",): grafana.deb, ("tarball", "path"): path}
    for key, name in files.items():
        if name is None:
            continue
        file = _absolute(name, base)
        # Unlike Path.is_file, false for a name that is too long.
        if not os.path.isfile(file) or not os.access(file, os.R_OK):  # noqa: PTH113
            what = f"there is no file {show_file(file)} that can be read"
            yield Fault(("monitoring", "grafana", *key), what, "a file on this machine")


def _fingerprint_of(certificate: Path, key: Path) -> str:
    # What it needs takes longer to import than a spec to read, and few fleets name a certificate.
    from adbray_ctl.adapters.state.certificate import fingerprint_of  # noqa: PLC0415 - slow

    return fingerprint_of(certificate, key)
