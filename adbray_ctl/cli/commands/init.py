"""`adbray init`."""

from __future__ import annotations

import click

from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.skeleton import fleet_text, parse_targets, quickstart_text


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
    files.write_schemas()
    if lab:
        if not files.has_fleet():
            raise UsageError(
                "there is no fleet.yml of a lab here",
                hint="run `adbray lab up` first: it makes the hosts and the file",
            )
        names = [host.name for host in files.fleet().hosts]
        group, text = "quickstart", quickstart_text(files.template("quickstart.yml"), names)
    else:
        fleet = fleet_text(parse_targets(hosts), user=user, identity_file=identity_file)
        click.echo(f"wrote {files.write_fleet(fleet)}")
        files.fleet()
        group, text = "main", files.template("main.yml")
    click.echo(f"wrote {files.write_group(group, text)}")
    click.echo(f"next: adbray validate && adbray apply {group}")
