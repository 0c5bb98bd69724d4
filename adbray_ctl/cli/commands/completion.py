"""`adbray completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from adbray_ctl.cli.render.screen import say
from adbray_ctl.core.errors import UsageError


@click.command(
    epilog='Example:\n\n  eval "$(adbray completion bash)"',
    short_help="Print the script for shell completion.",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL, for eval in its start-up file."""
    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"no completion for {shell}")
    root = context.find_root()
    say(found(root.command, {}, "adbray", "_ADBRAY_COMPLETE").source())
