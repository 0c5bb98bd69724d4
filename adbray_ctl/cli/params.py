"""Parameter types of the command line."""

from __future__ import annotations

import re

import click

from adbray_ctl.core.names import NAME


class GroupName(click.ParamType[str]):
    """A group's name; it becomes part of paths, so nothing else may pass."""

    name = "group"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(NAME, value) is None:
            self.fail(
                f"{value!r} is no group's name: lower-case letters, digits and '-'", param, ctx
            )
        return value


GROUP = GroupName()
