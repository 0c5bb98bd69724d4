"""`adbray version`."""

from __future__ import annotations

import platform
from importlib.metadata import version as installed

import click

from adbray_ctl.cli.render.screen import print_json, say


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


def versions() -> dict[str, str]:
    """Of adbray, and of what it runs on."""
    packages = ("adbray", "ansible-core", "ansible-runner", "ray")
    return {name: installed(name) for name in packages} | {"python": platform.python_version()}
