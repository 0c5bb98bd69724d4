"""`adbray validate` and `adbray schema`."""

from __future__ import annotations

from typing import Literal

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.spec.group import json_schema


@click.command(short_help="Check the spec files without contacting a host.")
@click.argument("group", type=GROUP, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the specs with all defaults as JSON.")
@pass_state
def validate(state: State, group: str | None, as_json: bool) -> None:
    """Check fleet.yml, and GROUP's file or all group files."""
    specs = state.project
    fleet = specs.fleet()
    groups = (specs.group(group, fleet),) if group else specs.groups(fleet)
    if as_json:
        document = {"fleet": fleet.model_dump(mode="json")}
        print_json(document | {"groups": [g.model_dump(mode="json") for g in groups]})
        return
    say(f"fleet.yml: {len(fleet.hosts)} hosts")
    for spec in groups:
        workers = sum(w.max_workers for w in spec.worker_groups)
        plural = "" if len(spec.worker_groups) == 1 else "s"
        say(
            f"groups/{spec.name}.yml: {len(spec.worker_groups)} worker group{plural},"
            f" up to {workers} workers, Ray {spec.ray.version}"
        )


@click.command(
    epilog="Example:\n\n  adbray schema group > .adbray/schema/group.json",
    short_help="Print the JSON Schema of the spec files.",
)
@click.argument("kind", type=click.Choice(["fleet", "group"]), default="group")
def schema(kind: Literal["fleet", "group"]) -> None:
    """Print the JSON Schema of fleet.yml or of groups/*.yml, for editors."""
    print_json(json_schema(kind))
