"""`adbray job submit|list|status|logs|stop|delete`."""

from __future__ import annotations

from typing import Any

import click

from adbray_ctl.cli.following import follow_to_end
from adbray_ctl.cli.job_options import job_options, wanted
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import pass_on, print_json, say
from adbray_ctl.cli.render.tables import print_jobs
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.jobs.request import JobRequest
from adbray_ctl.core.protocols.runs import JobApi
from adbray_ctl.core.text import size
from adbray_ctl.services import jobs as service
from adbray_ctl.services.submission import Submission, check_uploads, submission

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(short_help="Submit and follow jobs.")
def job() -> None:
    """Jobs of a group, through Ray's job submission API."""


@job.command(
    epilog="Example:\n\n  adbray job submit analytics --working-dir examples/jobs -- "
    "python hello.py",
    short_help="Submit a job and follow it.",
)
@click.argument("group", type=GROUP)
@click.argument("entrypoint", nargs=-1, required=True, type=click.UNPROCESSED)
@job_options
@click.option("--no-wait", is_flag=True, help="Return once the job is accepted.")
@click.option("-v", "--verbose", is_flag=True, help="Print what is uploaded and submitted.")
@_JSON
@pass_state
def submit(
    state: State,
    /,
    group: str,
    entrypoint: tuple[str, ...],
    no_wait: bool,
    verbose: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run ENTRYPOINT as a job of GROUP; exits 1 if the job does not succeed."""
    found = submission(state.tools, wanted(state, entrypoint, **options))
    api, request = service.connect_to_submit(state.tools, group, found.request)
    check_uploads(api, found.uploads)
    if verbose:
        _show(found)
    if no_wait:
        _submit(api, request, as_json=as_json)
    else:
        follow_to_end(api, request, as_json=as_json)


def _submit(api: JobApi, request: JobRequest, *, as_json: bool) -> None:
    """Print which job it has become."""
    job_id = api.submit(request)
    if as_json:
        print_json(api.status(job_id))
    else:
        say(job_id)


def _show(found: Submission) -> None:
    """Without values of the environment, which may be secret."""
    for directory, files in found.uploads:
        total = size(sum(file.size for file in files))
        say(f"{directory}: {len(files)} files, {total}", err=True)
    request = found.request
    for name, value in (
        ("entrypoint", request.entrypoint),
        ("environment", ", ".join(request.env)),
        ("runtime environment", ", ".join(request.runtime_env)),
    ):
        if value:
            say(f"{name}: {value}", err=True)


@job.command("list", short_help="List jobs.")
@click.argument("group", type=GROUP)
@_JSON
@pass_state
def list_jobs(state: State, group: str, as_json: bool) -> None:
    """List GROUP's jobs, newest first."""
    jobs = service.connect(state.tools, group).list()
    if as_json:
        print_json(jobs)
    else:
        print_jobs(jobs)


@job.command(short_help="Show one job.")
@click.argument("group", type=GROUP)
@click.argument("job_id")
@_JSON
@pass_state
def status(state: State, group: str, job_id: str, as_json: bool) -> None:
    """Show the state of JOB_ID."""
    found = service.connect(state.tools, group).status(job_id)
    if as_json:
        print_json(found)
    else:
        print_jobs([found])
        if found.message:
            say(found.message)


@job.command(short_help="Print a job's output.")
@click.argument("group", type=GROUP)
@click.argument("job_id")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends.")
@pass_state
def logs(state: State, group: str, job_id: str, follow: bool) -> None:
    """Print what JOB_ID wrote."""
    api = service.connect(state.tools, group)
    if not follow:
        pass_on(api.logs(job_id))
        return
    for chunk in api.follow(job_id):
        pass_on(chunk)


@job.command(short_help="Stop a job.")
@click.argument("group", type=GROUP)
@click.argument("job_id")
@pass_state
def stop(state: State, group: str, job_id: str) -> None:
    """Ask JOB_ID to stop."""
    stopped = service.connect(state.tools, group).stop(job_id)
    say(f"{job_id}: {'stopping' if stopped else 'had ended already'}")


@job.command(short_help="Remove an ended job from the list.")
@click.argument("group", type=GROUP)
@click.argument("job_id")
@pass_state
def delete(state: State, group: str, job_id: str) -> None:
    """Remove JOB_ID, which has ended, from GROUP's jobs; its output stays on the head's disk."""
    service.delete(state.tools, group, job_id)
    say(f"{job_id}: deleted")
