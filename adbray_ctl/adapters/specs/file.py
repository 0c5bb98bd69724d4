"""Spec files: YAML on disk to checked models, with file and line in every fault."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from adbray_ctl.adapters.specs.places import KeyPath
from adbray_ctl.adapters.specs.source import MAX_BYTES, Broken, Document, parse
from adbray_ctl.adapters.state.certificate import fingerprint_of
from adbray_ctl.core.errors import SpecError
from adbray_ctl.core.rules.fleet import check_fleet
from adbray_ctl.core.rules.group import check
from adbray_ctl.core.spec.faults import Fault
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.grafana import Grafana
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.monitoring import Monitoring
from adbray_ctl.core.spec.salvage import salvage
from adbray_ctl.core.spec.ssh import Jump, Ssh, SshOverride
from adbray_ctl.core.spec.strings import ALLOWED, NAME, WEBHOOK_URL
from adbray_ctl.core.spec.validation import faults_of
from adbray_ctl.core.text import no_such

FLEET_FILE = "fleet.yml"
GROUPS_DIR = "groups"

M = TypeVar("M", bound=BaseModel)


def load_fleet(path: Path, *, text: str | None = None) -> Fleet:
    """The fleet in ``path``, key files made absolute (``~`` and paths beside the file resolved).

    ``text`` is what the file is to hold, to be checked before it is written.
    Raises SpecError; its ``faults`` hold every fault of the file in the order of lines.
    """
    base = path.parent

    def rules(fleet: Fleet) -> tuple[Fault, ...]:
        return (
            *check_fleet(fleet),
            *_webhook_faults(fleet.monitoring, base),
            *_certificate_faults(fleet.monitoring, base),
            *_grafana_faults(fleet.monitoring, base),
        )

    fleet = _load(path, Fleet, rules, _encoded(text))
    hosts = tuple(
        host.model_copy(update={"ssh": _resolve_override(host.ssh, base)}) for host in fleet.hosts
    )
    monitoring = _resolve_monitoring(fleet.monitoring, base)
    changes = {"ssh": _resolve_ssh(fleet.ssh, base), "hosts": hosts, "monitoring": monitoring}
    return fleet.model_copy(update=changes)


def load_group(path: Path, fleet: Fleet, *, text: str | None = None) -> RayClusterSpec:
    """The group in ``path``, checked against ``fleet``; files are resolved beside fleet.yml.

    ``text`` is what the file is to hold, to be checked before it is written.
    Raises SpecError; its ``faults`` hold every fault of the file in the order of lines.
    """

    def rules(group: RayClusterSpec) -> tuple[Fault, ...]:
        faults = check(fleet, group)
        if group.name == path.stem:
            return faults
        what = f"{group.name!r} is not the file's name"
        own = Fault(("name",), what, hint=f"rename the file to {group.name}.yml")
        if re.match(NAME, path.stem):
            own = Fault(("name",), what, f"{path.stem!r}", "rename the file or the group")
        return (own, *faults)

    # False for a name that is too long, true for a link to nothing, which is told as such below.
    if text is None and not os.path.lexists(path):
        raise no_group(path.parent.parent, path.stem)
    group = _load(path, RayClusterSpec, rules, _encoded(text))
    files = {name: getattr(group.redis, name) for name in ("password_file", "ca_file")}
    found = {name: _resolve(file, path.parent.parent) for name, file in files.items() if file}
    redis = group.redis.model_copy(update=found)
    return group.model_copy(update={"redis": redis}) if found else group


def list_groups(directory: Path) -> tuple[str, ...]:
    """The names of the group files of the project in ``directory``, sorted. Raises SpecError."""
    folder = directory / GROUPS_DIR
    try:
        # Hidden files are an editor's: locks, and copies of what is being edited.
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise _unreadable(folder, error) from error
    if other := next((path for path in files if path.suffix == ".yaml"), None):
        hint = f"rename it to {other.stem}.yml"
        raise SpecError("adbray reads files that end in .yml", where=show_file(other), hint=hint)
    return tuple(path.stem for path in files if path.suffix == ".yml")


def group_file(directory: Path, name: str) -> Path:
    """Where the spec of the group ``name`` is."""
    return directory / GROUPS_DIR / f"{name}.yml"


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogatepass")


def _load(
    path: Path,
    model: type[M],
    rules: Callable[[M], tuple[Fault, ...]],
    data: bytes | None = None,
) -> M:
    try:
        document = parse(read_spec(path) if data is None else data)
    except Broken as broken:
        raise summary([_error(path, broken.line, broken.what)]) from broken
    if not isinstance(document.value, dict):
        what = f"the file holds {_kind_of(document.value)}, not a mapping (key: value)"
        raise summary([_error(path, document.line(()), what)])
    try:
        loaded = model.model_validate(document.value)
        faults = rules(loaded)
    except ValidationError as error:
        loaded = None
        faults = faults_of(error, model)
        faults += salvage(document.value, faults, model, rules)
    if faults or loaded is None:
        raise summary(_located(path, document, faults))
    return loaded


def _located(path: Path, document: Document, faults: tuple[Fault, ...]) -> list[SpecError]:
    placed = sorted((document.line(fault.path), index) for index, fault in enumerate(faults))
    return [_error(path, line, faults[index].text) for line, index in placed]


def read_spec(path: Path) -> bytes:
    """What is in ``path``, at most one byte more than allowed. Raises SpecError."""
    try:
        if path.exists() and not path.is_file():
            raise summary([SpecError("this is not a file", where=show_file(path))])
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        if path.is_symlink():
            what = "cannot be read: it is a link to a file that does not exist"
            raise summary([SpecError(what, where=show_file(path))]) from error
        hint = "Run adbray init to make a project."
        what = "the file does not exist"
        raise summary([SpecError(what, where=show_file(path), hint=hint)]) from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> SpecError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return summary([SpecError(f"cannot be read: {reason}", where=show_file(path))])


def no_group(directory: Path, name: str) -> SpecError:
    what = no_such("group", name, list_groups(directory))
    return summary([SpecError(what, where=show_file(directory / GROUPS_DIR))])


def _error(path: Path, line: int, what: str) -> SpecError:
    return SpecError(what, where=f"{show_file(path)}:{line}")


def summary(faults: list[SpecError]) -> SpecError:
    """One error for all; a lone fault is its own summary."""
    if len(faults) == 1:
        only = faults[0]
        return SpecError(only.what, where=only.where, hint=only.hint, faults=tuple(faults))
    files = dict.fromkeys((fault.where or "").rsplit(":", 1)[0] for fault in faults)
    return SpecError(f"{len(faults)} faults in {', '.join(files)}", faults=tuple(faults))


def show_file(path: Path) -> str:
    """A path for a message: from the working directory on, if inside; odd characters escaped."""
    with contextlib.suppress(OSError, ValueError):
        path = path.relative_to(Path.cwd())
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)


def _kind_of(value: object) -> str:
    if isinstance(value, tuple):
        return "a list"
    return "nothing" if value is None else "a single value"


def _absolute(file: str, base: Path) -> Path:
    # Unlike Path.expanduser, this leaves the ~ of an unknown user as it is.
    return Path(base, os.path.expanduser(file)).absolute()  # noqa: PTH111


def _resolve(file: str | None, base: Path) -> str | None:
    return None if file is None else str(_absolute(file, base))


def _resolve_monitoring(monitoring: Monitoring | None, base: Path) -> Monitoring | None:
    if monitoring is None:
        return None
    web = monitoring.web
    if web is not None and web.certificate_file and web.key_file:
        file, key = _absolute(web.certificate_file, base), _absolute(web.key_file, base)
        web = web.located(str(file), str(key), fingerprint_of(file, key))
    webhook = _resolve(monitoring.webhook_url_file, base)
    grafana = _resolve_grafana(monitoring.grafana, base)
    return monitoring.model_copy(
        update={"webhook_url_file": webhook, "web": web, "grafana": grafana}
    )


def _resolve_grafana(grafana: Grafana | None, base: Path) -> Grafana | None:
    if grafana is None:
        return None
    files: dict[str, object] = {"deb": _resolve(grafana.deb, base)}
    if (tarball := grafana.tarball) is not None:
        file = _resolve(tarball.path, base)
        files["tarball"] = tarball.model_copy(update={"path": file})
    return grafana.model_copy(update=files)


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
        fingerprint_of(_absolute(web.certificate_file, base), _absolute(web.key_file, base))
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


def _resolve_jump(jump: Jump | None, base: Path) -> Jump | None:
    if jump is None:
        return None
    return jump.model_copy(update={"identity_file": _resolve(jump.identity_file, base)})


def _resolve_ssh(ssh: Ssh, base: Path) -> Ssh:
    return ssh.model_copy(
        update={
            "identity_file": _resolve(ssh.identity_file, base),
            "jump": _resolve_jump(ssh.jump, base),
        }
    )


def _resolve_override(ssh: SshOverride | None, base: Path) -> SshOverride | None:
    if ssh is None:
        return None
    # Only keys that were written: a key set here to None would hide the fleet's.
    update: dict[str, object] = {}
    if ssh.identity_file is not None:
        update["identity_file"] = _resolve(ssh.identity_file, base)
    if ssh.jump is not None:
        update["jump"] = _resolve_jump(ssh.jump, base)
    return ssh.model_copy(update=update)
