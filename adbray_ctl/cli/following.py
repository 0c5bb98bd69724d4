"""A job followed on the terminal, from its submission to its end."""

from __future__ import annotations

from adbray_ctl.cli.render.screen import pass_on, print_json, say
from adbray_ctl.core.errors import ClusterError
from adbray_ctl.core.foreign import reason_in
from adbray_ctl.core.jobs.job import Job, what_to_do
from adbray_ctl.core.jobs.request import JobRequest
from adbray_ctl.core.protocols.runs import JobApi


def follow_to_end(api: JobApi, request: JobRequest, *, as_json: bool = False) -> None:
    """Submit, print the output as it comes, and raise ClusterError unless the job succeeds."""
    job_id = api.submit(request)
    say(f"submitted {job_id}", err=True)
    for chunk in api.follow(job_id):
        pass_on(chunk, err=as_json)
    found = api.status(job_id)
    if as_json:
        print_json(found)
    else:
        say(f"{job_id}: {found.status}", err=True)
    if found.status != "SUCCEEDED":
        raise _not_succeeded(found)


def _not_succeeded(found: Job) -> ClusterError:
    reason = reason_in(found.message)
    detail = f": {reason}" if reason else ""
    what = f"ended as {found.status}{detail}"
    return ClusterError(what, where=f"job {found.id}", hint=what_to_do(found))
