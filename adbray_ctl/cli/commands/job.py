"""`adbray job submit|list|status|logs|stop`."""

from __future__ import annotations

from pathlib import Path

import click

from adbray_ctl.cli.following import follow_to_end
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import pass_on, print_json, say
from adbray_ctl.cli.render.tables import print_jobs
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.jobs import JobRequest
from adbray_ctl.core.protocols.runs import JobApi
from adbray_ctl.services import jobs as service

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
@click.option(
    "--working-dir",
    help="Directory whose files go to the cluster and in which the job runs.",
)
@click.option("--env", "env", multiple=True, metavar="NAME=VALUE", help="Environment of the job.")
@click.option("--submission-id", help="The job's id; made by Ray if left out.")
@click.option(
    "--entrypoint-num-cpus",
    default=0.0,
    help="CPUs the entrypoint itself takes; above 0 it runs on a worker, else on the head.",
)
@click.option("--no-wait", is_flag=True, help="Return once the job is accepted.")
@_JSON
@pass_state
def submit(
    state: State,
    group: str,
    entrypoint: tuple[str, ...],
    working_dir: str | None,
    env: tuple[str, ...],
    submission_id: str | None,
    entrypoint_num_cpus: float,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Run ENTRYPOINT as a job of GROUP; exits 1 if the job does not succeed."""
    if working_dir == "":
        raise UsageError("its value is empty", where="--working-dir", hint="name a directory")
    files = state.tools.list_files(Path(working_dir)) if working_dir else ()
    request = service.make_request(
        entrypoint=entrypoint,
        working_dir=working_dir,
        files=files,
        env=_pairs(env),
        submission_id=submission_id,
        entrypoint_cpus=entrypoint_num_cpus,
    )
    api, request = service.connect_to_submit(state.tools, group, request)
    service.check_upload(api, request, files)
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


def _pairs(values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, separator, rest = value.partition("=")
        if not separator or not name:
            raise UsageError(f"--env {value!r} is not NAME=VALUE")
        pairs[name] = rest
    return pairs
