"""`adbray demo`: a lab, a group, a job, in one command."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.following import follow_to_end
from adbray_ctl.cli.render.screen import Text, say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.lab import LabOrder
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import jobs as job_service
from adbray_ctl.services import lab as lab_service
from adbray_ctl.services.change import Change, apply_groups
from adbray_ctl.services.submission import Wanted, submission

GROUP = "quickstart"
_LAB = LabOrder(hosts=3)


@click.command(short_help="Run a lab, a group and a job on this machine.")
@pass_state
def demo(state: State) -> None:
    """Make a lab of three hosts here, put the group quickstart on it, and run a job.

    The job uses every worker and spills objects to the workers' disks. Run again, it changes
    nothing and runs the job once more.
    """
    began = time.monotonic()
    _headline("1/3  lab: three hosts on this machine")
    lab_service.up(state.lab, state.project, _LAB, lambda text: say(text, err=True))
    if GROUP not in state.project.names():
        last = state.project.fleet().hosts[-1].name
        text = state.project.rendered(f"{GROUP}.yml.j2", last_host=last)
        state.project.write_group(GROUP, text)
    _headline(f"2/3  apply: groups/{GROUP}.yml becomes a Ray cluster")
    apply_groups(state.tools, [Change(group=GROUP)], Consent(yes=True), Terminal())
    _headline("3/3  job: every worker makes more objects than its store holds")
    with resources.as_file(resources.files("adbray_ctl").joinpath("templates/jobs")) as folder:
        _run_job(state, folder)
    say(f"\ndone in {time.monotonic() - began:.0f} s. Next:")
    for command in (
        f"adbray status {GROUP}",
        f"adbray job submit {GROUP} -- python -c 'import ray; print(ray.cluster_resources())'",
        f"adbray destroy {GROUP} && adbray lab down",
    ):
        say(f"  {command}")


def _run_job(state: State, folder: Path) -> None:
    wanted = Wanted(entrypoint=("python", "quickstart.py"), working_dir=str(folder))
    request = submission(state.tools, wanted).request
    follow_to_end(job_service.connect(state.tools, GROUP), request)


def _headline(text: str) -> None:
    say(Text(f"\n{text}", "bold"))
