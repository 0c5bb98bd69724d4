"""`adbray replace`."""

from __future__ import annotations

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.placement.topology import Replacement
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import replace as service


@click.command(
    epilog="Examples:\n\n  adbray replace node3 node7\n\n  adbray replace node3 node7=10.0.0.7",
    short_help="Move the nodes of a host, dead or alive, to another host.",
)
@click.argument("host")
@click.argument("newhost", metavar="NEWHOST[=ADDRESS]")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about ordinary changes.")
@click.option("--force", is_flag=True, help="Nor about lost data and interrupted jobs.")
@pass_state
def replace(state: State, host: str, newhost: str, yes: bool, force: bool) -> None:
    """Move every node of HOST to NEWHOST, and give HOST up.

    HOST may be dead: what no other host shows is made anew. With =ADDRESS, NEWHOST is added to
    fleet.yml with HOST's labels, capacity and SSH settings. HOST gets `retired: true`: it carries
    nothing more, may be silent, and is cleaned by `adbray apply` as soon as it answers. Nodes that
    do not fit on NEWHOST go elsewhere. fleet.yml is put back if you say no.
    """
    name, _, address = newhost.partition("=")
    replacing = Replacement(old=host, new=name)
    consent = Consent(yes=yes, force=force)
    found = service.replace(state.tools, state.project, replacing, address, consent, Terminal())
    _print_rest(state, found, host)


def _print_rest(state: State, found: service.Found, host: str) -> None:
    """What is left to do by hand."""
    if not found.groups:
        say(f"no node of a group moves; host {host} is retired in fleet.yml")
    if found.silent:
        say(
            f"host {host} gives no answer: keep its entry in fleet.yml. When it comes back, do not"
            " let its units run: `adbray apply` at once removes what stands there. A host that"
            " never comes back needs no entry."
        )
        for group in found.left:
            say(f"no host shows group {group}: `adbray apply {group}` makes it")
        return
    left = service.leftovers(state.tools, host)
    if left:
        text = f"host {host} still carries {', '.join(left)}, which this project has no file for:"
        say(f"{text} `adbray orphans --remove GROUP` removes one")
    else:
        say(f"host {host} is clean: its entry can be deleted from fleet.yml")
