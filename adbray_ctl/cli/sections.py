"""Every command of `adbray`, in the section of `adbray --help` that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from adbray_ctl.cli.commands.apply import apply, render
from adbray_ctl.cli.commands.backup import backup, restore
from adbray_ctl.cli.commands.check import check
from adbray_ctl.cli.commands.clean import clean
from adbray_ctl.cli.commands.collect import collect
from adbray_ctl.cli.commands.completion import completion
from adbray_ctl.cli.commands.demo import demo
from adbray_ctl.cli.commands.destroy import destroy
from adbray_ctl.cli.commands.drill import drill
from adbray_ctl.cli.commands.events import events
from adbray_ctl.cli.commands.history import history
from adbray_ctl.cli.commands.init import init
from adbray_ctl.cli.commands.job import job
from adbray_ctl.cli.commands.lab import lab
from adbray_ctl.cli.commands.logs import logs
from adbray_ctl.cli.commands.nodes import drain, restart
from adbray_ctl.cli.commands.orphans import orphans
from adbray_ctl.cli.commands.plan import plan
from adbray_ctl.cli.commands.replace import replace
from adbray_ctl.cli.commands.revisions import rollback, upgrade
from adbray_ctl.cli.commands.scale import scale
from adbray_ctl.cli.commands.spec import schema, validate
from adbray_ctl.cli.commands.status import addresses, env, status
from adbray_ctl.cli.commands.top import top
from adbray_ctl.cli.commands.unlock import unlock
from adbray_ctl.cli.commands.usage import usage
from adbray_ctl.cli.commands.version import version
from adbray_ctl.cli.commands.wake import wake

SECTIONS: Mapping[str, Sequence[click.Command]] = {
    "Specs": (init, validate, schema, render),
    "Groups": (plan, apply, destroy, backup, restore, unlock),
    "Change": (scale, restart, drain, upgrade, rollback, clean, drill),
    "Jobs": (job,),
    "Look": (
        *(status, top, events, logs, history, usage),
        *(addresses, env, collect, version, completion),
    ),
    "Hosts": (check, wake, replace, orphans),
    "Lab": (lab, demo),
}


class SectionedGroup(click.Group):
    """A group whose help lists its commands by section, in the order of ``sections``."""

    def __init__(self, *, sections: Mapping[str, Sequence[click.Command]], **options: Any) -> None:
        commands = [command for section in sections.values() for command in section]
        super().__init__(commands=commands, **options)
        self._sections = sections

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Padded, so that the summaries of all sections begin in one column.
        width = max(len(name) for name in self.commands)
        for title, commands in self._sections.items():
            with formatter.section(title):
                rows = [(f"{one.name:{width}}", one.get_short_help_str()) for one in commands]
                formatter.write_dl(rows)
