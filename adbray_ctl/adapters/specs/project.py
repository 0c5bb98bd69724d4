"""The files of one project directory: its specs as a port, and new files for beginners."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from adbray_ctl.adapters.specs.edit import add_entry, edit_group, replace_text
from adbray_ctl.adapters.specs.faults import summary
from adbray_ctl.adapters.specs.file import (
    FLEET_FILE,
    group_file,
    list_groups,
    load_fleet,
    load_group,
    no_group,
)
from adbray_ctl.adapters.specs.masked import masked
from adbray_ctl.adapters.specs.runtime_env import read_runtime_env
from adbray_ctl.adapters.specs.source import Broken, parse
from adbray_ctl.adapters.specs.templates import rendered
from adbray_ctl.core.bundle import Masked
from adbray_ctl.core.errors import RefusedError, SpecError
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec, json_schema


class ProjectFiles:
    """Specs of the project in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def fleet(self) -> Fleet:
        return load_fleet(self._directory / FLEET_FILE)

    def group(self, name: str, fleet: Fleet) -> RayClusterSpec:
        return load_group(group_file(self._directory, name), fleet)

    def groups(self, fleet: Fleet) -> tuple[RayClusterSpec, ...]:
        """All groups there are files for. Raises SpecError with the faults of all of them."""
        groups: list[RayClusterSpec] = []
        faults: list[SpecError] = []
        for name in self.names():
            try:
                groups.append(self.group(name, fleet))
            except SpecError as error:
                faults += [fault for fault in error.faults if isinstance(fault, SpecError)]
        if faults:
            raise summary(faults)
        return tuple(groups)

    def names(self) -> tuple[str, ...]:
        return list_groups(self._directory)

    def text(self, group: str | None) -> str:
        if group is not None and group not in self.names():
            raise no_group(self._directory, group)
        # Line ends as they are: what is put back must be what was there.
        return self._path(group).read_bytes().decode()

    def where(self, host: str) -> str:
        path = self._directory / FLEET_FILE
        index = [one.name for one in self.fleet().hosts].index(host)
        return f"{FLEET_FILE}:{parse(path.read_bytes()).line(('hosts', index))}"

    def runtime_env(self, path: Path) -> dict[str, JsonValue]:
        return read_runtime_env(path)

    def masked(self, text: str) -> Masked:
        try:
            return masked(text)
        except Broken as error:
            what = f"its text is no YAML, so that no secret in it can be found: {error.what}"
            raise SpecError(what) from error

    def edit_group(self, name: str, changes: Mapping[tuple[str | int, ...], int | str]) -> str:
        return self.replace_group(name, edit_group(group_file(self._directory, name), changes))

    def replace_group(self, name: str, text: str) -> str:
        path = group_file(self._directory, name)
        before = self.text(name)
        load_group(path, self.fleet(), text=text)
        replace_text(path, text)
        return before

    def retire(self, host: str, successor: tuple[str, str] | None = None) -> str:
        path, before = self._directory / FLEET_FILE, self.text(None)
        index = [one.name for one in self.fleet().hosts].index(host)
        text = edit_group(path, {("hosts", index, "retired"): True})
        if successor is not None:
            text = add_entry(path, text, ("hosts",), _successor(text, index, *successor))
        load_fleet(path, text=text)
        replace_text(path, text)
        return before

    def put_back(self, name: str | None, text: str) -> None:
        replace_text(self._path(name), text)

    def has_fleet(self) -> bool:
        return (self._directory / FLEET_FILE).exists()

    def write_fleet(self, text: str) -> Path:
        path = self._directory / FLEET_FILE
        load_fleet(path, text=text)
        return self._write_new(path, text)

    def write_group(self, name: str, text: str) -> Path:
        path = group_file(self._directory, name)
        load_group(path, self.fleet(), text=text)
        return self._write_new(path, text)

    def write_schemas(self) -> None:
        folder = self._directory / ".adbray" / "schema"
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("fleet", "group"):
            text = json.dumps(json_schema("fleet" if kind == "fleet" else "group"), indent=2)
            (folder / f"{kind}.json").write_text(text + "\n")

    def rendered(self, template: str, **values: object) -> str:
        return rendered(template, **values)

    def _path(self, group: str | None) -> Path:
        return group_file(self._directory, group) if group else self._directory / FLEET_FILE

    def _write_new(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x") as file:
                file.write(text)
        except FileExistsError as error:
            raise RefusedError(
                "the file exists already and is left as it is",
                where=str(path),
                hint="edit it, or move it away first",
            ) from error
        return path


def _successor(text: str, index: int, name: str, address: str) -> dict[str, object]:
    """The entry of a host that is like the one at ``index``, as plain values."""
    document: Any = parse(text.encode()).value
    entry = document["hosts"][index]
    own = ("name", "address", "retired")
    kept = {key: value for key, value in entry.items() if key not in own}
    return {"name": name, "address": address, **kept}
