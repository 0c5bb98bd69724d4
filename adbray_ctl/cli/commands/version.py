"""`adbray version`."""

from __future__ import annotations

import click

from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.versions import versions


@click.command(short_help="Print the versions of adbray, Ansible, Ray and Python.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def version(as_json: bool) -> None:
    """Print the versions of adbray and of what it runs on."""
    found = versions()
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        say(f"{name} {value}")
