"""The command line's entry: global options, and the one place where errors become exit codes."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import click
from click.shell_completion import shell_complete

from adbray_ctl.cli import process
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
from adbray_ctl.cli.render.errors import print_error, print_usage_error
from adbray_ctl.cli.render.screen import finish, reader_gone, say
from adbray_ctl.cli.state import State
from adbray_ctl.core.errors import (
    AdbrayError,
    PlacementError,
    RefusedError,
    SpecError,
    UsageError,
)

# A command makes many small objects and keeps them to its end: collecting them as often as Python
# does by default doubles the time a plan for 1,000 hosts takes.
GC_THRESHOLD = (1_000_000, 50, 50)
DONE, FAILED, BAD_INPUT, REFUSED, FAULT, INTERRUPTED = 0, 1, 2, 3, 70, 130
_COMPLETE = "_ADBRAY_COMPLETE"

# \b keeps click from wrapping the paragraph that follows it.
_HELP = """Ray as a service on your own machines.

\b
Try it without machines:   adbray demo
Use your own:              adbray init 10.0.0.1 10.0.0.2 10.0.0.3
                           adbray apply
                           adbray status
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=_HELP,
    epilog="Exit codes: 0 done, 1 failed, 2 bad usage or spec, 3 refused, 4 there are changes.",
)
@click.option(
    "-C",
    "--dir",
    "directory",
    default=".",
    type=click.Path(file_okay=False, path_type=Path),
    help="The project's directory, where fleet.yml and groups/ are.  [default: .]",
)
@click.pass_context
def cli(context: click.Context, directory: Path) -> None:
    """Options that every command shares."""
    context.obj = State(directory=directory.resolve())
    process.report_into(context.obj.directory)


for command in (
    init,
    validate,
    schema,
    render,
    check,
    plan,
    apply,
    status,
    top,
    events,
    logs,
    collect,
    clean,
    usage,
    addresses,
    env,
    job,
    scale,
    restart,
    drain,
    upgrade,
    rollback,
    replace,
    backup,
    restore,
    destroy,
    orphans,
    drill,
    wake,
    unlock,
    history,
    lab,
    demo,
    version,
    completion,
):
    cli.add_command(command)


def entry() -> None:
    """Run the command line and exit with its code."""
    gc.set_threshold(*GC_THRESHOLD)
    process.prepare()
    try:
        code = run(sys.argv[1:])
    except OSError:
        # Standard error takes nothing, so there is no place for a message.
        code = FAILED
    finish()
    if code == INTERRUPTED:
        # Threads may wait for a host, or for a pipe that nobody writes: they would keep us here.
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; the exit code says how it ended (see ``adbray --help``)."""
    try:
        ended = _invoke(arguments)
    except AdbrayError as error:
        print_error(error)
        return exit_code(error)
    except click.ClickException as error:
        print_usage_error(error)
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        say("\ninterrupted", err=True)
        return INTERRUPTED
    except OSError as error:
        return _after_system(error)
    except Exception as error:  # noqa: BLE001 - the one place where every other error ends
        process.report(error)
        return FAULT
    return ended if isinstance(ended, int) else DONE


def _invoke(arguments: list[str]) -> object:
    """As click's own ``main``, which would end the process without a word on a broken pipe."""
    if completion := os.environ.get(_COMPLETE):
        return shell_complete(cli, {}, "adbray", _COMPLETE, completion)
    try:
        with cli.make_context("adbray", list(arguments)) as context:
            return cli.invoke(context)
    except click.exceptions.Exit as left:
        return left.exit_code


def _after_system(error: OSError) -> int:
    if isinstance(error, BrokenPipeError) and reader_gone():
        return DONE
    print_error(_from_system(error))
    return FAILED


def exit_code(error: AdbrayError) -> int:
    """The table of exit codes."""
    match error:
        case SpecError() | UsageError() | PlacementError():
            return BAD_INPUT
        case RefusedError():
            return REFUSED
        case _:
            return FAILED


def _from_system(error: OSError) -> AdbrayError:
    """The operating system's refusals (disk full, no permission) told like any other error."""
    what = error.strerror or str(error)
    hints = {
        28: "free some disk space on this machine",
        13: "check the owner and mode",
        30: "it is read-only",
    }
    hint = hints.get(error.errno or 0)
    return AdbrayError(what, where=str(error.filename) if error.filename else None, hint=hint)
