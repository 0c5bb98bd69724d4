"""Jobs of a group: submit with checks first, list, follow, stop."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adbray_ctl.core.errors import ClusterError
from adbray_ctl.core.jobs import (
    DirectoryFile,
    JobRequest,
    check_request,
    check_room,
    check_working_dir,
)
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


def check_upload(api: JobApi, request: JobRequest, files: Sequence[DirectoryFile]) -> None:
    """Before anything is packed. Raises UsageError or ClusterError without room for ``files``."""
    if request.working_dir is not None and (room := api.room()) is not None:
        check_room(request.working_dir, files, room)


def make_request(
    *,
    entrypoint: Sequence[str],
    working_dir: str | None,
    files: Sequence[DirectoryFile],
    env: dict[str, str],
    submission_id: str | None = None,
    entrypoint_cpus: float = 0,
) -> JobRequest:
    """Build the request, checked with its working directory. Raises UsageError."""
    if working_dir is not None:
        check_working_dir(working_dir, files, entrypoint)
    command = entrypoint[0] if len(entrypoint) == 1 else shlex.join(entrypoint)
    request = JobRequest(
        entrypoint=command,
        working_dir=working_dir,
        env=env,
        submission_id=submission_id,
        entrypoint_cpus=entrypoint_cpus,
    )
    check_request(request)
    return request
