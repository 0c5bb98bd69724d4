"""Jobs: what is submitted, what Ray tells about it, and whether a working directory will do."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.faults import show
from adbray_ctl.core.foreign import Foreign

# Ray refuses larger packages: ray._private.runtime_env.packaging.GCS_STORAGE_MAX_SIZE (2.60).
MAX_WORKING_DIR_BYTES = 500 * 1024 * 1024

# It becomes part of a log file's name on the head, and of URLs. With others Ray lists a job that
# never runs, or one that it cannot be asked for.
SUBMISSION_ID = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
# Ray counts CPUs in steps of this.
_CPU_STEP = 0.0001


class JobRequest(BaseModel):
    """A job to submit; ``entrypoint`` is one shell command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entrypoint: str
    working_dir: str | None = None
    env: dict[str, str] = {}
    submission_id: str | None = None
    entrypoint_cpus: float = 0


class Job(BaseModel):
    """A job as Ray lists it; times in seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Foreign
    status: Foreign
    entrypoint: Foreign
    message: Foreign = ""
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def ended(self) -> bool:
        return self.status in {"SUCCEEDED", "FAILED", "STOPPED"}


class DirectoryFile(BaseModel):
    """A file of a working directory, relative to it; size in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
        largest = sorted(files, key=lambda file: (-file.size, file.path))[:5]
        listing = ", ".join(f"{file.path} ({_mib(file.size)})" for file in largest)
        raise UsageError(
            f"the working directory holds {_mib(total)}; Ray takes"
            f" {_mib(MAX_WORKING_DIR_BYTES)}. Largest: {listing}",
            where=directory,
            hint="move large files out of it, or list them in its .gitignore",
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


def _mib(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"
