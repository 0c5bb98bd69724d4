"""Parameter types of the command line."""

from __future__ import annotations

import math
import re
from typing import Any

import click

from adbray_ctl.cli.state import State
from adbray_ctl.core.spec.strings import NAME


class GroupName(click.ParamType[str]):
    """The name of a group that the project's directory knows.

    It becomes part of paths, so nothing but a name may pass.
    """

    name = "group"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(NAME, value) is None:
            self.fail(
                f"{value!r} is no group's name: lower-case letters, digits and '-'", param, ctx
            )
        state = ctx.find_object(State) if ctx and not ctx.resilient_parsing else None
        if state is not None:
            state.require_known(value)
        return value


class Seconds(click.FloatRange):
    """Seconds within bounds. NaN is within none, though no comparison says so."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return found


GROUP = GroupName()
