"""A group's job API in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from adbray_ctl.core.errors import ClusterError
from adbray_ctl.core.jobs.job import Job
from adbray_ctl.core.jobs.request import JobRequest
from adbray_ctl.core.jobs.uploads import UploadRoom


@dataclass
class FakeJobs:
    """JobApi. ``jobs`` newest first; ``output`` is what each of them prints."""

    jobs: list[Job] = field(default_factory=list)
    output: str = ""
    version: str = "2.60.0"
    uploads: UploadRoom | None = None
    requests: list[JobRequest] = field(default_factory=list)

    def check(self) -> str:
        return self.version

    def room(self) -> UploadRoom | None:
        return self.uploads

    def submit(self, request: JobRequest) -> str:
        self.requests.append(request)
        job_id = request.submission_id or f"job-{len(self.requests)}"
        self.jobs.insert(0, Job(id=job_id, status="PENDING", entrypoint=request.entrypoint))
        return job_id

    def list(self) -> tuple[Job, ...]:
        return tuple(self.jobs)

    def status(self, job_id: str) -> Job:
        for job in self.jobs:
            if job.id == job_id:
                return job
        raise ClusterError(f"there is no job {job_id}")

    def logs(self, job_id: str) -> str:
        self.status(job_id)
        return self.output

    def follow(self, job_id: str) -> Iterator[str]:
        yield self.logs(job_id)

    def stop(self, job_id: str) -> bool:
        job = self.status(job_id)
        self.jobs[self.jobs.index(job)] = job.model_copy(update={"status": "STOPPED"})
        return not job.ended

    def delete(self, job_id: str) -> None:
        self.jobs.remove(self.status(job_id))
