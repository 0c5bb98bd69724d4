"""`adbray init`."""

from __future__ import annotations

import click

from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.protocols.specs import ProjectFiles
from adbray_ctl.core.spec.targets import parse_targets
from adbray_ctl.services.edits import without_lines


@click.command(
    epilog="Examples:\n\n  adbray init ops@10.0.0.1 ops@10.0.0.2 --identity-file ~/.ssh/id_ed25519"
    "\n\n  adbray lab up && adbray init --lab",
    short_help="Write a first fleet.yml and group.",
)
@click.argument("hosts", nargs=-1, metavar="[[USER@]ADDRESS[:PORT]]...")
@click.option("--lab", is_flag=True, help="Use the hosts of this directory's lab.")
@click.option("--user", help="Login name for all hosts.  [default: root]")
@click.option("--identity-file", help="Private key for all hosts.")
@pass_state
def init(
    state: State, hosts: tuple[str, ...], lab: bool, user: str | None, identity_file: str | None
) -> None:
    """Write fleet.yml for HOSTS, a first group, and the editors' schemas.

    Files that exist are never overwritten.
    """
    if lab == bool(hosts):
        raise UsageError("name hosts, or pass --lab", hint="adbray init 10.0.0.1 10.0.0.2")
    files = state.project
    if lab:
        group, text = "quickstart", _lab_text(files)
        what = f"fleet.yml is not of a lab, and the first group {group} does not fit it"
        hint = "run `adbray lab up` in a directory of its own"
    else:
        _write_fleet(files, hosts, user, identity_file)
        group, text = "main", files.rendered("main.yml.j2")
        what, hint = f"the first group {group} does not fit fleet.yml", "write one by hand"
    with without_lines(what, hint):
        say(f"wrote {files.write_group(group, text)}")
    files.write_schemas()
    say(f"next: adbray validate && adbray apply {group}")


def _lab_text(files: ProjectFiles) -> str:
    """A first group for the lab that is up here. Raises UsageError if there is none."""
    if not files.has_fleet():
        raise UsageError(
            "there is no fleet.yml of a lab here",
            hint="run `adbray lab up` first: it makes the hosts and the file",
        )
    return files.rendered("quickstart.yml.j2", last_host=files.fleet().hosts[-1].name)


def _write_fleet(
    files: ProjectFiles, hosts: tuple[str, ...], user: str | None, identity_file: str | None
) -> None:
    targets = parse_targets(hosts)
    fleet = files.rendered("fleet.yml.j2", targets=targets, user=user, identity_file=identity_file)
    hint = "name each host once, and write [USER@]ADDRESS[:PORT], like ops@10.0.0.1:22"
    with without_lines("these hosts make no fleet.yml", hint):
        say(f"wrote {files.write_fleet(fleet)}")
