"""What every command gets: the project's directory, and the tools made from it when asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adbray_ctl import wiring
from adbray_ctl.core.errors import UsageError
from adbray_ctl.services import groups as group_service

if TYPE_CHECKING:
    from adbray_ctl.core.lab import Lab
    from adbray_ctl.core.protocols.specs import ProjectFiles
    from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class State:
    """The object of the click context."""

    directory: Path

    @cached_property
    def tools(self) -> Tools:
        """The adapters of this project."""
        return wiring.tools(self.directory)

    @cached_property
    def project(self) -> ProjectFiles:
        """The project's own files."""
        return wiring.project_files(self.directory)

    @cached_property
    def lab(self) -> Lab:
        """The lab of this directory."""
        return wiring.lab(self.directory)

    def require_known(self, group: str) -> None:
        """Raise UsageError for a group that this directory has no trace of."""
        # A group with a file needs no tools, which take a moment to make.
        if group not in self.project.names():
            group_service.require_known(self.tools, group)

    def groups(self, named: str | None) -> tuple[str, ...]:
        """The group that is named, or all that have a file. Raises UsageError if there is none."""
        if named is not None:
            return (named,)
        names = self.project.names()
        if not names:
            raise UsageError(
                "there is no group to work on",
                where=str(self.directory / "groups"),
                hint="write groups/<name>.yml, or let `adbray init` write a first one",
            )
        return names


pass_state = click.make_pass_decorator(State)
