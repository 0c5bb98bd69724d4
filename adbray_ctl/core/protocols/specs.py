"""Spec files, as the services see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic import JsonValue

    from adbray_ctl.core.bundle import Masked
    from adbray_ctl.core.spec.fleet import Fleet
    from adbray_ctl.core.spec.group import RayClusterSpec


class Specs(Protocol):
    """The spec files of one project."""

    def fleet(self) -> Fleet:
        """Raises SpecError with every fault of fleet.yml."""

    def group(self, name: str, fleet: Fleet) -> RayClusterSpec:
        """Raises SpecError with every fault of groups/<name>.yml."""

    def names(self) -> tuple[str, ...]:
        """The groups there are files for, sorted."""

    def text(self, group: str | None) -> str:
        """What groups/<group>.yml says, or fleet.yml for None, as it was written."""

    def where(self, host: str) -> str:
        """Where fleet.yml has ``host``, as file:line."""

    def runtime_env(self, path: Path) -> dict[str, JsonValue]:
        """A file with Ray's runtime environment of a job. Raises SpecError with file and line."""

    def masked(self, text: str) -> Masked:
        """``text``, of a spec file, without values that may be secret. Raises SpecError."""


class ProjectFiles(Specs, Protocol):
    """The spec files, and the writing of first ones; nothing that exists is overwritten."""

    def groups(self, fleet: Fleet) -> tuple[RayClusterSpec, ...]:
        """All groups there are files for. Raises SpecError with the faults of all of them."""

    def edit_group(self, name: str, changes: Mapping[tuple[str | int, ...], int | str]) -> str:
        """Set values in groups/<name>.yml by key path, keep all else, and give the old text.

        Raises SpecError, with the file as it was, if the outcome would not be a valid spec.
        """

    def replace_group(self, name: str, text: str) -> str:
        """Write ``text`` to groups/<name>.yml and give the old text.

        Raises SpecError, with the file as it was, if ``text`` is no valid spec in today's fleet.
        """

    def retire(self, host: str, successor: tuple[str, str] | None = None) -> str:
        """Set ``retired`` on a host in fleet.yml, keep all else, and give the old text.

        ``successor``, name and address, is added as a host with the same labels, capacity and SSH
        settings. Raises SpecError, with the file as it was, if the outcome would not be a fleet.
        """

    def put_back(self, name: str | None, text: str) -> None:
        """Write ``text``, an older one of the file, to groups/<name>.yml, or to fleet.yml."""

    def has_fleet(self) -> bool:
        """Whether there is a fleet.yml."""

    def write_fleet(self, text: str) -> Path:
        """Write fleet.yml. Raises RefusedError if there is one, SpecError if ``text`` is none."""

    def write_group(self, name: str, text: str) -> Path:
        """Write groups/<name>.yml. Raises as ``write_fleet`` does."""

    def write_schemas(self) -> None:
        """Write the JSON Schemas that the files' modelines name."""

    def rendered(self, template: str, **values: object) -> str:
        """A first file, from the package's templates."""
