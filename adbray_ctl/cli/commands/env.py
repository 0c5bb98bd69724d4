"""`adbray env`."""

from __future__ import annotations

import os
import shlex

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.services import jobs as service


@click.command(
    epilog='Example:\n\n  eval "$(adbray env analytics)" && ray job list',
    short_help="Print the environment for Ray's own tools, for eval.",
)
@click.argument("group", type=GROUP)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def env(state: State, group: str, as_json: bool) -> None:
    """Print shell exports for Ray's own tools: address, and the token's file (not the token).

    NO_PROXY excepts the fleet's hosts, so that the token never goes to a proxy of yours.

    The address is tried first, because Ray starts a local cluster when it gets a wrong one.
    """
    client = service.client_environment(state.tools, group, os.environ)
    variables = {
        "RAY_ADDRESS": client.addresses.dashboard,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": client.token_file,
        **client.no_proxy,
    }
    if as_json:
        print_json({**variables, "client": client.addresses.client, "ray": client.ray_version})
        return
    say(f"# group {group}: clients need ray=={client.ray_version}")
    say(f"# in Python: ray.init({client.addresses.client!r})")
    # A token in the environment would win over the file.
    say("unset RAY_AUTH_TOKEN")
    for name, value in variables.items():
        say(f"export {name}={shlex.quote(value)}")
