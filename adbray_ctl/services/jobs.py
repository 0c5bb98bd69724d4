"""The job API of a group, and what a client of it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.jobs.request import JobRequest
from adbray_ctl.core.observed.status import Addresses, group_status
from adbray_ctl.core.protocols.runs import JobApi
from adbray_ctl.core.proxies import NO_PROXY, excepting, own_addresses, set_in
from adbray_ctl.services.status import addresses, no_head
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class ClientEnvironment:
    """What a plain Ray client needs: addresses, and where the token is (never the token).

    ``no_proxy`` has the variables that keep its requests, and the token in them, from a proxy.
    """

    addresses: Addresses
    token_file: str
    ray_version: str
    no_proxy: dict[str, str]


def connect(tools: Tools, group: str) -> JobApi:
    """The group's job API. Raises ClusterError if the group is not applied."""
    found = addresses(tools, group)
    return tools.jobs(found.dashboard, tools.secrets.site(group).token_file)


def connect_to_submit(tools: Tools, group: str, request: JobRequest) -> tuple[JobApi, JobRequest]:
    """As ``connect``, with ``request`` as it is to be submitted: past the proxies it names.

    Raises ClusterError too if the head's disk has no room for a job's files.
    """
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    leading = observed.leading(group)
    found = group_status(group, observed, fleet.retired)
    if leading is None or found.addresses is None:
        raise no_head(tools, fleet, group, observed)
    host, record = leading
    full = next((s.disk_full for s in found.slots if (s.host, s.slot) == (host, record.slot)), "")
    if full:
        hint = f"`adbray clean {group} {record.slot}`, or raise disk_gb of the head"
        raise ClusterError(f"the head cannot accept jobs: {full}", where=host, hint=hint)
    own = own_addresses(fleet, found.addresses, observed.addresses())
    api = tools.jobs(found.addresses.dashboard, tools.secrets.site(group).token_file)
    return api, _past_proxies(request, own)


def client_environment(
    tools: Tools, group: str, environment: Mapping[str, str]
) -> ClientEnvironment:
    """Checked against the running cluster: a wrong address would make Ray start a local one.

    ``environment`` is the caller's: the exceptions from a proxy that it has are kept.
    """
    found = addresses(tools, group)
    token_file = tools.secrets.site(group).token_file
    version = tools.jobs(found.dashboard, token_file).check()
    own = own_addresses(tools.specs.fleet(), found)
    return ClientEnvironment(
        addresses=found,
        token_file=token_file,
        ray_version=version,
        no_proxy=excepting(environment, own),
    )


def _past_proxies(request: JobRequest, own: Sequence[str]) -> JobRequest:
    """The request, with ``own`` excepted from the proxies that its own environment names.

    Without this a job that sets no_proxy would hide what its node has there, and Ray's own requests
    in the job would take the token to the proxy.
    """
    if not (set_in(request.env) or any(name in request.env for name in NO_PROXY)):
        return request
    return request.model_copy(update={"env": {**request.env, **excepting(request.env, own)}})


def delete(tools: Tools, group: str, job_id: str) -> None:
    """Raises UsageError for a job that there is not, or that has not ended."""
    api = connect(tools, group)
    found = api.status(job_id)
    if not found.ended:
        raise UsageError(
            f"it is {found.status}, and only a job that has ended can be deleted",
            where=f"job {job_id}",
            hint=f"`adbray job stop {group} {job_id}` first",
        )
    api.delete(job_id)
