"""A job as Ray lists it."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.foreign import Foreign


class Job(BaseModel):
    """A job as Ray lists it; times in seconds since the epoch."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    id: Foreign
    status: Foreign
    entrypoint: Foreign
    message: Foreign = ""
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def ended(self) -> bool:
        return self.status in {"SUCCEEDED", "FAILED", "STOPPED"}


# What pip and uv say last where no index has, or answers for, what a job asks for.
_NO_INDEX = ("No matching distribution found", "Failed to fetch")
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '(?P<name>[\w.]{1,100})'")


def what_to_do(job: Job) -> str:
    """What a failed job's user can do, where its message shows the reason; or nothing."""
    if any(text in job.message for text in _NO_INDEX):
        return (
            "its packages come from no index that the host reaches: put wheels into the working"
            " directory (docs/job-environment.md), or the packages into ray.packages of the group"
        )
    if missing := _NO_MODULE.search(job.message):
        return (
            f"put the package that has {missing['name']} into ray.packages of the group, or into"
            " `pip` of the job's runtime environment"
        )
    return ""
