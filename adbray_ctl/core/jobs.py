"""Jobs: what is submitted, what Ray tells about it, and whether a working directory will do."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.foreign import Foreign
from adbray_ctl.core.text import show, size

# What Ray's dashboard takes in one request, measured: its other limits, such as
# GCS_STORAGE_MAX_SIZE of 512 MiB, are above it on every way in (docs/adr/0029).
MAX_WORKING_DIR_BYTES = 99 * 1024 * 1024
_MIB = 1024 * 1024
# From this share on a status says how full the store is.
_NEARLY = 0.75

# It becomes part of a log file's name on the head, and of URLs. With others Ray lists a job that
# never runs, or one that it cannot be asked for.
SUBMISSION_ID = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
# Ray counts CPUs in steps of this.
_CPU_STEP = 0.0001


class JobRequest(BaseModel):
    """A job to submit; ``entrypoint`` is one shell command line."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    entrypoint: str
    working_dir: str | None = None
    env: dict[str, str] = {}
    submission_id: str | None = None
    entrypoint_cpus: float = 0


class UploadRoom(BaseModel):
    """What the cluster's store takes, in bytes, as its head says (adbray_ctl/in_ray/uploads).

    ``room`` is the largest package that fits now, ``largest`` the one that fits an empty store;
    ``used`` of ``share`` are taken. An unused package goes after ``kept_s`` seconds.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    limit: int
    share: int
    used: int
    room: int
    largest: int
    kept_s: int

    @property
    def line(self) -> str:
        """What a status says of it; empty while there is room enough."""
        if not self.limit or self.used < _NEARLY * self.share:
            return ""
        return (
            f"the store has room for packages of {size(self.room)}: {size(self.used)} of"
            f" {size(self.share)} are taken (redis.maxmemory_mb: {self.limit // _MIB})"
        )


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


def what_to_do(job: Job) -> str:
    """What a failed job's user can do, where its message shows the reason; or nothing."""
    if any(text in job.message for text in _NO_INDEX):
        return (
            "its packages come from no index that the host reaches: put wheels into the working"
            " directory (docs/job-environment.md), or the packages into ray.packages of the group"
        )
    return ""


class DirectoryFile(BaseModel):
    """A file of a working directory, relative to it; size in bytes."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    path: str
    size: int


def check_request(request: JobRequest) -> None:
    """Raise UsageError for what Ray takes without a word, and never runs."""
    wanted, cpus = request.submission_id, request.entrypoint_cpus
    if wanted is not None and not re.fullmatch(SUBMISSION_ID, wanted):
        raise UsageError(
            f"{show(wanted)} cannot be the id of a job",
            where="--submission-id",
            hint="use 1 to 128 of A-Z, a-z, 0-9, '_', '.' and '-', not beginning with '.' or '-'",
        )
    if not request.entrypoint.strip():
        raise UsageError("the command is empty", hint="write it behind --, like -- python main.py")
    for text in (request.entrypoint, *request.env, *request.env.values()):
        if not is_unicode(text):
            raise UsageError(f"{show(text)} is not UTF-8", hint="Ray takes no other text")
    if not (0 <= cpus < math.inf and math.isclose(cpus, round(cpus, 4), abs_tol=_CPU_STEP / 100)):
        raise UsageError(
            f"a job cannot have {cpus:g} CPUs",
            where="--entrypoint-num-cpus",
            hint=f"choose 0 or more, in steps of {_CPU_STEP:g}",
        )


def is_unicode(text: str) -> bool:
    """Whether ``text`` can be sent: what a shell passes on may be any bytes."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def check_working_dir(
    directory: str, files: Sequence[DirectoryFile], entrypoint: Sequence[str]
) -> None:
    """Raise UsageError if the job cannot run from ``directory``: script missing, or too large."""
    script = script_of(entrypoint)
    names = {file.path for file in files}
    if script is not None and script not in names:
        scripts = ", ".join(sorted(n for n in names if n.endswith(".py") and "/" not in n)[:5])
        raise UsageError(
            f"the entrypoint's script {script!r} is not in the working directory",
            where=directory,
            hint=f"name a file relative to it{f' (it has {scripts})' if scripts else ''}",
        )
    total = sum(file.size for file in files)
    if total > MAX_WORKING_DIR_BYTES:
        raise UsageError(
            f"the working directory holds {size(total)}; Ray takes"
            f" {size(MAX_WORKING_DIR_BYTES)}. Largest: {_largest(files)}",
            where=directory,
            hint="move large files out of it, or list them in its .gitignore",
        )


def check_room(directory: str, files: Sequence[DirectoryFile], room: UploadRoom) -> None:
    """Raise UsageError or ClusterError if the cluster's store has no room for ``directory``.

    Ray packs without compression, so that a package is as large as its files.
    """
    total = sum(file.size for file in files)
    if total <= room.room:
        return
    if total > room.largest:
        raise UsageError(
            f"the working directory holds {size(total)}; the cluster's store, of"
            f" {room.limit // _MIB} MiB, takes {size(room.largest)} at most."
            f" Largest: {_largest(files)}",
            where=directory,
            hint="list large files in its .gitignore, or raise redis.maxmemory_mb",
        )
    raise ClusterError(
        f"the working directory holds {size(total)}, and the cluster's store has room for"
        f" {size(room.room)}: {size(room.used)} of {size(room.share)} are taken",
        where=directory,
        hint=f"try again: packages go {room.kept_s} s after their upload, or when the last job that"
        " uses them ends; or list large files in its .gitignore, or raise redis.maxmemory_mb",
    )


def script_of(entrypoint: Sequence[str]) -> str | None:
    """The Python script an entrypoint runs, relative to the working directory, if it names one."""
    words = list(entrypoint)
    if len(words) == 1:
        try:
            words = shlex.split(words[0])
        except ValueError:
            return None
    for position, word in enumerate(words):
        program = word.rsplit("/", 1)[-1]
        if program.startswith("python"):
            rest = words[position + 1 :]
            if rest and rest[0].endswith(".py") and not rest[0].startswith("/"):
                return rest[0].removeprefix("./")
            return None
    return None


def _largest(files: Sequence[DirectoryFile]) -> str:
    largest = sorted(files, key=lambda file: (-file.size, file.path))[:5]
    return ", ".join(f"{file.path} ({size(file.size)})" for file in largest)
