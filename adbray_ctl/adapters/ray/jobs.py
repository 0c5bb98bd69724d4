"""Ray's job submission API, through Ray's own client."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from adbray_ctl.adapters.ray.answers import UNREADABLE, AwayError, NoJobError, explain
from adbray_ctl.adapters.ray.client import connect
from adbray_ctl.adapters.ray.runtime_env import runtime_env_of
from adbray_ctl.core.errors import AdbrayError, ClusterError, UsageError
from adbray_ctl.core.jobs.job import Job
from adbray_ctl.core.jobs.request import JobRequest
from adbray_ctl.core.jobs.uploads import UploadRoom
from adbray_ctl.core.text import no_such

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient


_CHATTY = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)


# How long a head may be away while a job is followed, and how often it is asked again meanwhile.
_AWAY_S, _AGAIN_S = 180.0, 1.0
# Where a head says what its store takes (adbray_ctl/in_ray/uploads/door.py).
_ROOM = "/api/packages/adbray/room"
# After so long without output it is asked whether the job, and the head, are still there.
_SILENCE_S = 5.0


class RayJobs:
    """JobApi of one group; connects at the first call, because importing Ray takes a second."""

    def __init__(self, *, address: str, token_file: str) -> None:
        self._address = address
        self._token_file = token_file
        self._connected: JobSubmissionClient | None = None

    def check(self) -> str:
        with self._translated():
            # Its get_version() gives the API's version; Ray's own is in the same answer.
            answer = self._client._do_request("GET", "/api/version")
            return str(answer.json()["ray_version"])

    def room(self) -> UploadRoom | None:
        with self._translated():
            answer = self._client._do_request("GET", _ROOM)
            # A head of an older adbray, or one without Redis, takes this for a package it has not.
            return UploadRoom(**answer.json()) if answer.status_code == 200 else None

    def submit(self, request: JobRequest) -> str:
        environment = runtime_env_of(request)
        needs = request.needs
        with self._translated():
            return self._client.submit_job(
                entrypoint=request.entrypoint,
                runtime_env=environment,
                submission_id=request.submission_id,
                metadata=dict(request.metadata),
                entrypoint_num_cpus=needs.cpus or None,
                entrypoint_num_gpus=needs.gpus or None,
                entrypoint_memory=needs.memory or None,
                entrypoint_resources=dict(needs.resources) or None,
                entrypoint_label_selector=dict(needs.labels) or None,
            )

    def list(self) -> tuple[Job, ...]:
        with self._translated():
            jobs = [_job(details) for details in self._client.list_jobs()]
        return tuple(sorted(jobs, key=lambda job: -(job.started_at or 0)))

    def status(self, job_id: str) -> Job:
        with self._translated(job_id):
            return _job(self._client.get_job_info(_in_path(job_id)))

    def logs(self, job_id: str) -> str:
        with self._translated(job_id):
            return self._client.get_job_logs(_in_path(job_id))

    def follow(self, job_id: str) -> Iterator[str]:
        # A head that moves or starts anew ends the stream while the job goes on.
        seen, heard_at = 0, time.monotonic()
        while True:
            try:
                skip = seen
                for chunk in self._tail(job_id):
                    heard_at = time.monotonic()
                    # A new stream begins with what the last one had told.
                    new, skip = chunk[skip:], max(skip - len(chunk), 0)
                    seen += len(new)
                    if new:
                        yield new
                if self.status(job_id).ended:
                    return
                heard_at = time.monotonic()
            except AwayError:
                if time.monotonic() - heard_at > _AWAY_S:
                    raise
            time.sleep(_AGAIN_S)

    def _tail(self, job_id: str) -> Iterator[str]:
        # The client only has an asynchronous stream; a loop of our own pulls it chunk by chunk.
        import aiohttp

        loop = asyncio.new_event_loop()
        try:
            with self._translated(job_id):
                stream = self._client.tail_job_logs(_in_path(job_id))
            while True:
                task = loop.create_task(_next(stream))
                while not loop.run_until_complete(asyncio.wait({task}, timeout=_SILENCE_S))[0]:
                    # A host that died says nothing, not even that the stream is over.
                    if self.status(job_id).ended:
                        raise AwayError("the stream went silent", where=self._address)
                with self._translated(job_id):
                    chunk = task.result()
                if chunk is None:
                    return
                yield chunk
        except aiohttp.WSServerHandshakeError as error:
            raise self._explained(error, job_id) from error
        except aiohttp.ClientError as error:
            raise AwayError(f"the stream broke: {error}", where=self._address) from error
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def stop(self, job_id: str) -> bool:
        with self._translated(job_id):
            return self._client.stop_job(_in_path(job_id))

    def delete(self, job_id: str) -> None:
        with self._translated(job_id):
            self._client.delete_job(_in_path(job_id))

    @property
    def _client(self) -> JobSubmissionClient:
        if self._connected is None:
            # What the client tells (package uploads, closed sockets) is not the job's output.
            for name in _CHATTY:
                logging.getLogger(name).setLevel(logging.WARNING)
            with self._translated():
                self._connected = connect(self._address, self._headers)
        return self._connected

    @property
    def _headers(self) -> dict[str, str]:
        try:
            token = Path(self._token_file).read_text().strip()
        except OSError as error:
            raise ClusterError(
                f"the group's token cannot be read: {error.strerror}",
                where=self._token_file,
                hint="run `adbray apply` here once; it fetches the secrets back from the hosts",
            ) from error
        return {"Authorization": f"Bearer {token}"}

    @contextmanager
    def _translated(self, job_id: str | None = None) -> Iterator[None]:
        """Turn what Ray's client raises into one ClusterError, UsageError for an unknown job."""
        try:
            yield
        except (RuntimeError, ValueError, OSError, *UNREADABLE) as error:
            raise self._explained(error, job_id) from error

    def _explained(self, error: Exception, job_id: str | None) -> AdbrayError:
        found = explain(error, self._address)
        if job_id is None or not isinstance(found, NoJobError):
            return found
        known = (job.id for job in self.list())
        return UsageError(no_such("job", job_id, known), where=self._address)


async def _next(stream: AsyncIterator[str]) -> str | None:
    """The next chunk; None at the end."""
    return await anext(stream, None)


def _in_path(job_id: str) -> str:
    """An id as one part of a URL's path, which may hold a slash. Raises UsageError for no id."""
    if not job_id.strip("."):
        raise UsageError(f"{job_id!r} is not the id of a job", hint="`adbray job list` names them")
    return quote(job_id, safe="")


def _job(details: JobDetails) -> Job:
    return Job(
        id=str(details.submission_id or details.job_id),
        status=str(getattr(details.status, "value", details.status)),
        entrypoint=details.entrypoint,
        message=details.message or "",
        started_at=_seconds(details.start_time),
        ended_at=_seconds(details.end_time),
    )


def _seconds(milliseconds: int | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None
