"""The command line's entry: global options, and the one place where errors become exit codes."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import click

from adbray_ctl.cli import process
from adbray_ctl.cli.render.errors import print_error, print_usage_error
from adbray_ctl.cli.render.screen import finish, reader_gone, say
from adbray_ctl.cli.sections import SECTIONS, SectionedGroup
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
    cls=SectionedGroup,
    sections=SECTIONS,
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
        from click.shell_completion import shell_complete  # noqa: PLC0415 - rare

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
    """The operating system's refusals (disk full, no permission) as an error like any other."""
    what = error.strerror or str(error)
    hints = {
        28: "free some disk space on this machine",
        13: "check the owner and mode",
        30: "it is read-only",
    }
    hint = hints.get(error.errno or 0)
    return AdbrayError(what, where=str(error.filename) if error.filename else None, hint=hint)
