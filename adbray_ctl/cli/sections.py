"""Every command of `adbray`, in the section of `adbray --help` that it belongs to."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import click

from adbray_ctl.cli import commands


class Verb(click.Command):
    """A command by name and summary: all that help and completion of names need of it.

    The command itself is in ``module`` of ``cli/commands``, which is imported when it is run.
    """

    def __init__(self, name: str, summary: str, module: str = "") -> None:
        super().__init__(name, short_help=summary)
        self._module = f"{commands.__name__}.{module or name}"

    def load(self) -> click.Command:
        """The command itself."""
        found: click.Command = getattr(importlib.import_module(self._module), str(self.name))
        return found


SECTIONS: Mapping[str, Sequence[Verb]] = {
    "Specs": (
        Verb("init", "Write a first fleet.yml and group."),
        Verb("validate", "Check the spec files without contacting a host.", "spec"),
        Verb("schema", "Print the JSON Schema of the spec files.", "spec"),
        Verb("render", "Write a group's inventory for plain ansible-playbook.", "apply"),
    ),
    "Groups": (
        Verb("plan", "Show what apply would do to each node."),
        Verb("apply", "Create or update groups on their hosts."),
        Verb("destroy", "Remove a group and its data from its hosts."),
        Verb("backup", "Save a group, its secrets and its state to a file."),
        Verb("restore", "Create a group from a backup.", "backup"),
        Verb("unlock", "Release the lock that a dead run holds on a group."),
    ),
    "Change": (
        Verb("scale", "Change the minimum and maximum of a worker group."),
        Verb("restart", "Restart nodes; workers are drained first.", "nodes"),
        Verb("drain", "Stop workers when they have finished their work.", "nodes"),
        Verb("upgrade", "Change the Ray version of a group.", "revisions"),
        Verb("rollback", "Apply the previous revision of a group.", "revisions"),
        Verb("clean", "Free space on a node's disk."),
        Verb("drill", "Cause a fault and measure the recovery."),
    ),
    "Jobs": (Verb("job", "Submit and follow jobs."),),
    "Look": (
        Verb("status", "Show what runs, and where."),
        Verb("top", "Show the CPU, memory and disk use of nodes."),
        Verb("events", "Show what the autoscaler did, and why."),
        Verb("logs", "Show the logs of a node, or of a worker that ended."),
        Verb("history", "Show past runs: what, by whom, with which outcome."),
        Verb("usage", "Show hours used and costs, as AnalyticDB Ray bills them."),
        Verb("addresses", "Show the addresses of a group.", "status"),
        Verb("env", "Print the environment for Ray's own tools, for eval."),
        Verb("collect", "Write a support bundle of a group, without its secrets."),
        Verb("version", "Print the versions of adbray, Ansible, Ray and Python."),
        Verb("completion", "Print the script for shell completion."),
    ),
    "Hosts": (
        Verb("check", "Check whether the hosts can run groups."),
        Verb("wake", "Wake hosts that sleep."),
        Verb("replace", "Move the nodes of a host, dead or alive, to another host."),
        Verb("orphans", "Find and remove what no group of this project owns."),
    ),
    "Lab": (
        Verb("lab", "Make test hosts on this machine."),
        Verb("demo", "Run a lab, a group and a job on this machine."),
    ),
}


class SectionedGroup(click.Group):
    """A group whose help lists its commands by section, in the order of ``sections``."""

    def __init__(self, *, sections: Mapping[str, Sequence[Verb]], **options: Any) -> None:
        super().__init__(commands=[verb for part in sections.values() for verb in part], **options)
        self._sections = sections

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that ``args`` begin with; here alone its module is imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Verb) else command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Padded, so that the summaries of all sections begin in one column.
        width = max(len(name) for name in self.commands)
        for title, verbs in self._sections.items():
            with formatter.section(title):
                rows = [(f"{one.name:{width}}", one.get_short_help_str()) for one in verbs]
                formatter.write_dl(rows)
