"""Working directories of jobs: what they hold, and whether a job can run from them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.text import size

# What Ray's dashboard takes in one request, measured: its other limits, such as
# GCS_STORAGE_MAX_SIZE of 512 MiB, are above it on every way in (docs/adr/0029).
MAX_WORKING_DIR_BYTES = 99 * 1024 * 1024
# What Ray fetches itself (its own list of protocols has more, all of this form).
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://")


class DirectoryFile(BaseModel):
    """A file of a working directory, relative to it; size in bytes."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    path: str
    size: int


def is_remote(directory: str) -> bool:
    """Whether Ray fetches it, from S3, HTTP and the like, so that nothing is uploaded."""
    return _REMOTE.match(directory) is not None


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
            hint=f"name a file relative to it{f' (it has {scripts})' if scripts else ''}; what its"
            " .gitignore or .rayignore lists is left out",
        )
    check_size(directory, files)


def check_size(directory: str, files: Sequence[DirectoryFile]) -> None:
    """Raise UsageError if Ray takes no package of that size."""
    total = sum(file.size for file in files)
    if total > MAX_WORKING_DIR_BYTES:
        raise UsageError(
            f"the directory holds {size(total)}; Ray takes"
            f" {size(MAX_WORKING_DIR_BYTES)}. Largest: {largest(files)}",
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


def largest(files: Sequence[DirectoryFile]) -> str:
    """The five largest, with their sizes."""
    found = sorted(files, key=lambda file: (-file.size, file.path))[:5]
    return ", ".join(f"{file.path} ({size(file.size)})" for file in found)
