"""Spec files: YAML on disk to checked models, with file and line in every fault."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from adbray_ctl.adapters.specs.beside import (
    file_faults,
    redis_file_faults,
    resolved_fleet,
    resolved_redis,
)
from adbray_ctl.adapters.specs.faults import error_at, show_file, summary, unreadable
from adbray_ctl.adapters.specs.source import MAX_BYTES, Broken, Document, parse
from adbray_ctl.core.errors import SpecError
from adbray_ctl.core.rules.fleet import check_fleet
from adbray_ctl.core.rules.group import check
from adbray_ctl.core.spec.faults import Fault
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.salvage import salvage
from adbray_ctl.core.spec.strings import NAME
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
        return (*check_fleet(fleet), *file_faults(fleet.monitoring, base))

    return resolved_fleet(_load(path, Fleet, rules, _encoded(text)), base)


def load_group(path: Path, fleet: Fleet, *, text: str | None = None) -> RayClusterSpec:
    """The group in ``path``, checked against ``fleet``; files are resolved beside fleet.yml.

    ``text`` is what the file is to hold, to be checked before it is written.
    Raises SpecError; its ``faults`` hold every fault of the file in the order of lines.
    """

    def rules(group: RayClusterSpec) -> tuple[Fault, ...]:
        files = redis_file_faults(group.redis, path.parent.parent)
        faults = (*check(fleet, group), *files)
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
    redis = resolved_redis(group.redis, path.parent.parent)
    return group if redis is group.redis else group.model_copy(update={"redis": redis})


def list_groups(directory: Path) -> tuple[str, ...]:
    """The names of the group files of the project in ``directory``, sorted. Raises SpecError."""
    folder = directory / GROUPS_DIR
    try:
        # Hidden files are an editor's: locks, and copies of what is being edited.
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise unreadable(folder, error) from error
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
        raise summary([error_at(path, broken.line, broken.what)]) from broken
    if not isinstance(document.value, dict):
        what = f"the file holds {_kind_of(document.value)}, not a mapping (key: value)"
        raise summary([error_at(path, document.line(()), what)])
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
    return [error_at(path, line, faults[index].text) for line, index in placed]


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
        hint = "Run adbray init to make a project." if path.name == FLEET_FILE else None
        what = "the file does not exist"
        raise summary([SpecError(what, where=show_file(path), hint=hint)]) from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def no_group(directory: Path, name: str) -> SpecError:
    what = no_such("group", name, list_groups(directory))
    return summary([SpecError(what, where=show_file(directory / GROUPS_DIR))])


def _kind_of(value: object) -> str:
    if isinstance(value, tuple):
        return "a list"
    return "nothing" if value is None else "a single value"
